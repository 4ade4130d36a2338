"""Who was admitted is asked about again while its connection is open."""

import asyncio

import pytest

from rtmanager.config import Seconds
from rtmanager.server.connections import Connections, Limits
from rtmanager.server.http import HttpServer
from rtmanager.server.readmission import Readmission
from rtmanager.server.refusals import Reason
from tests.unit.server.transport import (
    OTHER_MACHINE,
    CountedRefusals,
    MemoryTransport,
    hello,
    turns,
    unadmitted,
)

REQUEST = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
BANNED = OTHER_MACHINE[0]
ANOTHER = ("192.0.2.8", 4711)


async def admitted(peername: object, connections: Connections) -> MemoryTransport:
    """Return the transport of a connection that was just admitted."""
    transport = unadmitted(peername, connections=connections)
    await turns()
    return transport


class Guests:
    """Admits everybody but the banned one, and keeps whom it was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fault: Exception | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, peer: str) -> bool:
        """Answer once it may."""
        self.asked.append(peer)
        await self.go_on.wait()
        if self.fault is not None:
            raise self.fault
        return peer != BANNED


@pytest.fixture
async def guests() -> Guests:
    """Return who is admitted."""
    return Guests()


@pytest.fixture
def connections() -> Connections:
    """Return the open connections."""
    return Connections(Limits(), CountedRefusals())


@pytest.fixture
async def readmission(guests: Guests, connections: Connections) -> Readmission:
    """Return who asks again."""
    return Readmission(guests, connections)


async def test_a_connection_of_who_is_not_admitted_any_more_is_closed(
    readmission: Readmission, connections: Connections
) -> None:
    """A connection that is kept alive serves its peer no longer than the peer is admitted."""
    transport = await admitted(OTHER_MACHINE, connections)
    other = await admitted(ANOTHER, connections)
    transport.receive(REQUEST)
    await turns()
    await readmission.ask()
    await turns()

    assert transport.sent.startswith(b"HTTP/1.1 200 OK")
    assert (transport.aborted, other.aborted) == (True, False)
    assert connections.refusals.added == [Reason.NOT_ADMITTED]  # type: ignore[attr-defined]
    assert connections.peers() == {ANOTHER[0]}


async def test_a_peer_is_asked_about_once(
    guests: Guests, readmission: Readmission, connections: Connections
) -> None:
    """Many connections of one peer cost one question."""
    transports = [await admitted(OTHER_MACHINE, connections) for _ in range(9)]
    await readmission.ask()

    assert guests.asked == [BANNED]
    assert all(each.aborted for each in transports)


async def test_a_question_that_fails_closes_nothing(
    guests: Guests, readmission: Readmission, connections: Connections
) -> None:
    """Callers that were admitted are served while Docker is away."""
    transport = await admitted(OTHER_MACHINE, connections)
    guests.fault = RuntimeError("Docker is away")
    await readmission.ask()

    assert guests.asked == [BANNED]
    assert not transport.aborted


async def test_one_round_of_questions_runs_at_a_time(
    guests: Guests, readmission: Readmission, connections: Connections
) -> None:
    """A Docker that hangs is not asked more and more; afterwards it is asked again."""
    await admitted(ANOTHER, connections)
    guests.go_on.clear()
    for _ in range(3):
        readmission.begin()
        await turns()
    during = len(guests.asked)
    guests.go_on.set()
    await turns()
    readmission.begin()
    await turns()

    assert (during, len(guests.asked)) == (1, 2)


async def test_nobody_is_asked_about_without_a_connection_from_another_machine(
    guests: Guests, readmission: Readmission, connections: Connections
) -> None:
    """Neither a connection that has ended nor a loopback peer's costs a question."""
    ended = await admitted(OTHER_MACHINE, connections)
    await admitted(("127.0.0.1", 4711), connections)
    await admitted(("::ffff:127.0.0.1", 4711, 0, 0), connections)
    assert ended.protocol is not None
    ended.protocol.connection_lost(None)
    readmission.begin()
    await turns()

    assert guests.asked == []


async def test_the_server_asks_every_three_seconds(guests: Guests) -> None:
    """It does so as long as it serves; uvicorn calls it ten times a second."""
    server = HttpServer(hello, Seconds(1.0), admits=guests)
    server.config.load()
    transport = await admitted(
        OTHER_MACHINE,
        server.config.http.keywords["connections"],  # type: ignore[union-attr]
    )
    for tick in range(1, 30):
        await server.on_tick(tick)
        await turns()
    before = list(guests.asked)
    await server.on_tick(30)
    await turns()

    assert (before, guests.asked) == ([], [BANNED])
    assert transport.aborted
