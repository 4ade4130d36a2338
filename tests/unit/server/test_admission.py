"""Who may connect: asked for peers of other machines, before anything is read."""

import asyncio

import pytest

from rtmanager.server import admission
from rtmanager.server.admission import is_loopback, peer_address
from rtmanager.server.refusals import Reason
from tests.unit.server.transport import OTHER_MACHINE, CountedRefusals, connection, turns

REQUEST = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


class Guest:
    """Admits or refuses once it is told to, and keeps whom it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def __call__(self, peer: str) -> bool:
        """Wait for the answer."""
        self.asked.append(peer)
        return await self.answer


async def test_a_request_is_not_looked_at_until_its_peer_is_admitted() -> None:
    """What was read waits for the answer yes, and no more is read meanwhile."""
    guest = Guest()
    protocol, transport = connection(OTHER_MACHINE, admits=guest)
    protocol.data_received(REQUEST)
    await turns()
    before = (transport.sent, transport.reads)
    guest.answer.set_result(True)
    await turns()

    assert guest.asked == ["192.0.2.7"]
    assert before == (b"", False)
    assert transport.sent.startswith(b"HTTP/1.1 200 OK")
    assert transport.reads


async def test_a_peer_that_is_not_admitted_is_closed_without_an_answer() -> None:
    """The answer no closes the connection; it is counted."""
    guest, refusals = Guest(), CountedRefusals()
    protocol, transport = connection(OTHER_MACHINE, admits=guest, refusals=refusals)
    protocol.data_received(REQUEST)
    guest.answer.set_result(False)
    await turns()

    assert (transport.aborted, transport.sent) == (True, b"")
    assert refusals.added == [Reason.NOT_ADMITTED]


async def test_a_question_that_fails_refuses() -> None:
    """Whatever goes wrong, an unknown peer stays outside."""
    guest, refusals = Guest(), CountedRefusals()
    _, transport = connection(OTHER_MACHINE, admits=guest, refusals=refusals)
    guest.answer.set_exception(RuntimeError("Docker is away"))
    await turns()

    assert transport.aborted
    assert refusals.added == [Reason.ADMISSION_FAILED]


async def test_a_question_without_an_answer_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question is bounded in time."""
    monkeypatch.setattr(admission, "ADMISSION_LIMIT", 0.0)
    refusals = CountedRefusals()
    _, transport = connection(OTHER_MACHINE, admits=Guest(), refusals=refusals)
    await turns()

    assert transport.aborted
    assert refusals.added == [Reason.ADMISSION_FAILED]


async def test_a_loopback_peer_never_waits() -> None:
    """This machine's own callers are not asked about."""
    guest = Guest()
    protocol, transport = connection(("::ffff:127.0.0.1", 4711, 0, 0), admits=guest)
    protocol.data_received(REQUEST)
    await turns()

    assert guest.asked == []
    assert transport.sent.startswith(b"HTTP/1.1 200 OK")


async def test_a_connection_that_is_lost_is_not_asked_about_any_more() -> None:
    """The question ends with its connection."""
    guest, refusals = Guest(), CountedRefusals()
    protocol, _ = connection(OTHER_MACHINE, admits=guest, refusals=refusals)
    await turns()
    protocol.connection_lost(None)
    await turns()

    assert guest.answer.cancelled()
    assert refusals.added == []


async def test_a_peer_that_has_gone_is_closed() -> None:
    """Without an address nobody can be admitted."""
    _, transport = connection(None)

    assert transport.aborted


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (("10.1.2.3", 1), "10.1.2.3"),
        (("::ffff:10.1.2.3", 1, 0, 0), "10.1.2.3"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::1"),
        (("2001:DB8:0::7", 1, 0, 0), "2001:db8::7"),
        ("", None),
        (None, None),
    ],
)
def test_an_address_has_one_form(name: object, address: str | None) -> None:
    """Addresses mapped into IPv6 are IPv4, and have no scope."""
    assert peer_address(name) == address


@pytest.mark.parametrize(
    ("address", "local"), [("127.8.9.1", True), ("::1", True), ("10.0.0.1", False)]
)
def test_loopback_is_this_machine(address: str, local: bool) -> None:  # noqa: FBT001 - a table
    """The whole of 127.0.0.0/8 and ::1 are loopback."""
    assert is_loopback(address) is local
