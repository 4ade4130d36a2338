"""Who may connect: asked for peers of other machines, before anything is read."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from rtmanager.server import admission
from rtmanager.server.admission import is_loopback, peer_address
from rtmanager.server.admitted_protocol import FIRST_READ, AdmittedProtocol
from rtmanager.server.connections import Connections, Limits
from rtmanager.server.refusals import Reason
from tests.unit.server.transport import CountedRefusals, Time, hello, turns, unadmitted

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
    transport = unadmitted(admits=guest)
    transport.receive(REQUEST)
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
    transport = unadmitted(admits=guest, refusals=refusals)
    transport.receive(REQUEST)
    guest.answer.set_result(False)
    await turns()

    assert (transport.aborted, transport.sent) == (True, b"")
    assert refusals.added == [Reason.NOT_ADMITTED]


async def test_a_question_that_fails_refuses() -> None:
    """Whatever goes wrong, an unknown peer stays outside."""
    guest, refusals = Guest(), CountedRefusals()
    transport = unadmitted(admits=guest, refusals=refusals)
    guest.answer.set_exception(RuntimeError("Docker is away"))
    await turns()

    assert transport.aborted
    assert refusals.added == [Reason.ADMISSION_FAILED]


async def test_a_question_without_an_answer_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question is bounded in time."""
    monkeypatch.setattr(admission, "ADMISSION_LIMIT", 0.0)
    refusals = CountedRefusals()
    transport = unadmitted(admits=Guest(), refusals=refusals)
    await turns()

    assert transport.aborted
    assert refusals.added == [Reason.ADMISSION_FAILED]


async def test_a_loopback_peer_never_waits() -> None:
    """This machine's own callers are not asked about."""
    guest = Guest()
    transport = unadmitted(("::ffff:127.0.0.1", 4711, 0, 0), admits=guest)
    transport.receive(REQUEST)
    await turns()

    assert guest.asked == []
    assert transport.sent.startswith(b"HTTP/1.1 200 OK")


async def test_a_connection_that_is_lost_is_not_asked_about_any_more() -> None:
    """The question ends with its connection."""
    guest, refusals = Guest(), CountedRefusals()
    transport = unadmitted(admits=guest, refusals=refusals)
    await turns()
    transport.abort()
    await turns()

    assert guest.answer.cancelled()
    assert refusals.added == []


async def test_little_is_read_before_the_admission() -> None:
    """Whoever waits for the admission cannot fill the memory; nothing of its request is lost."""
    guest, body = Guest(), b"a" * 60_000
    received: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not received or received[-1]["more_body"]:
            received.append(await receive())
        await hello(scope, receive, send)

    transport = unadmitted(admits=guest, app=app)
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    transport.receive(head + body)
    not_read = len(transport.arrived)
    guest.answer.set_result(True)
    await turns()

    assert not_read == len(head + body) - FIRST_READ
    assert b"".join(message["body"] for message in received) == body
    assert transport.sent.startswith(b"HTTP/1.1 200 OK")


async def test_what_http_does_not_want_to_read_yet_is_not_read() -> None:
    """The first read may be more than one request, which pauses reading."""
    never = asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await never.wait()

    transport = unadmitted(app=app)
    transport.receive(REQUEST * 2)
    await turns()

    assert not transport.reads


async def test_the_time_for_a_request_begins_with_the_admission() -> None:
    """A peer that had to wait longer than that is not taken for a silent one."""
    guest, refusals, time = Guest(), CountedRefusals(), Time()
    connections = Connections(Limits(request_timeout=2.0), refusals, time)
    transport = unadmitted(admits=guest, connections=connections)
    transport.receive(REQUEST)
    time.now += 3
    connections.expire()
    guest.answer.set_result(True)
    await turns()
    connections.expire()

    assert transport.sent.startswith(b"HTTP/1.1 200 OK")
    assert not transport.closed
    assert refusals.added == []


async def test_a_connection_that_waits_for_its_admission_makes_room() -> None:
    """It counts as one that waits; once admitted, as one connection."""
    connections = Connections(Limits(max_connections=1), CountedRefusals())
    first = unadmitted(admits=Guest(), connections=connections)
    second = unadmitted(connections=connections)
    await turns()

    assert first.aborted
    assert not second.closed
    assert len(connections) == 1


async def test_the_end_of_the_server_does_not_wait_for_an_admission() -> None:
    """Nothing was asked yet, so nothing has to be answered."""
    transport = unadmitted(admits=Guest())
    assert isinstance(transport.protocol, AdmittedProtocol)
    transport.protocol.shutdown()

    assert transport.closed


async def test_a_peer_that_has_gone_is_closed() -> None:
    """Without an address nobody can be admitted."""
    transport = unadmitted(None)

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
