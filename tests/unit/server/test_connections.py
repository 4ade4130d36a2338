"""The cap on connections: those that wait for a request make room, those with one do not."""

import pytest

from rtmanager.server import connections as module
from rtmanager.server.connections import Connections, Limits
from rtmanager.server.refusals import Reason
from tests.unit.server.transport import CountedRefusals, Time, turns


class Peer:
    """Notes what is done to its connection."""

    peer = None

    def __init__(self) -> None:
        self.closed = False
        self.looked_at = 0

    def expire(self) -> None:
        """Note it."""
        self.looked_at += 1

    def make_room(self) -> None:
        """Note it."""
        self.closed = True


@pytest.fixture
def refusals() -> CountedRefusals:
    """Return refusals that are kept."""
    return CountedRefusals()


@pytest.fixture
def connections(refusals: CountedRefusals) -> Connections:
    """Return room for three connections."""
    return Connections(Limits(max_connections=3), refusals, Time())


def added(connections: Connections, count: int) -> list[Peer]:
    """Add that many connections."""
    peers = [Peer() for _ in range(count)]
    for peer in peers:
        connections.add(peer)
    return peers


def closed(peers: list[Peer]) -> list[int]:
    """Return the numbers of those that were closed."""
    return [number for number, peer in enumerate(peers) if peer.closed]


async def test_the_longest_waiting_connection_makes_room(
    connections: Connections, refusals: CountedRefusals
) -> None:
    """Silent connections never shut out a new one, and there are never more than the cap."""
    peers = added(connections, 5)

    assert closed(peers) == [0, 1]
    assert len(connections) == 3
    assert refusals.added == [Reason.CROWDED_OUT] * 2


async def test_a_connection_with_a_request_does_not_make_room(connections: Connections) -> None:
    """A connection whose request is executed stays, however old it is."""
    peers = added(connections, 3)
    connections.works(peers[0])
    peers += added(connections, 1)

    assert closed(peers) == [1]


async def test_an_answered_connection_waits_again(connections: Connections) -> None:
    """The wait counts from the last answer, not from the beginning."""
    peers = added(connections, 3)
    connections.works(peers[0])
    connections.waits(peers[0])
    peers += added(connections, 3)

    assert closed(peers) == [0, 1, 2]


async def test_half_a_request_does_not_renew_the_wait(connections: Connections) -> None:
    """To wait while waiting changes nothing."""
    peers = added(connections, 3)
    connections.waits(peers[0])
    peers += added(connections, 1)

    assert closed(peers) == [0]


async def test_without_a_waiting_connection_nobody_makes_room(connections: Connections) -> None:
    """The new one is accepted, so that its request can be refused with an answer."""
    peers = added(connections, 3)
    for peer in peers:
        connections.works(peer)
    added(connections, 1)

    assert closed(peers) == []


async def test_the_cap_holds_again_once_connections_wait(connections: Connections) -> None:
    """What was more than the cap makes room as well."""
    peers = added(connections, 3)
    for peer in peers:
        connections.works(peer)
    peers += added(connections, 1)
    for peer in peers:
        connections.waits(peer)
    added(connections, 1)

    assert len(connections) == 3


async def test_an_ended_connection_takes_no_place(connections: Connections) -> None:
    """A connection that was lost is forgotten, even if its answer comes later."""
    peers = added(connections, 3)
    connections.remove(peers[0])
    connections.waits(peers[0])
    peers += added(connections, 1)

    assert closed(peers) == []


async def test_the_time_of_every_connection_is_looked_at(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One timer looks at all of them, as long as there are any."""
    monkeypatch.setattr(module, "SWEEP_INTERVAL", 0.0)
    peers = added(connections, 2)
    await turns()
    for peer in peers:
        connections.remove(peer)
    await turns()
    seen = [peer.looked_at for peer in peers]
    await turns()

    assert min(seen) > 1
    assert [peer.looked_at for peer in peers] == seen


@pytest.mark.parametrize(("cap", "requests"), [(1, 1), (2, 2), (8, 7), (1000, 875)])
def test_a_part_of_the_cap_is_for_those_that_wait(cap: int, requests: int) -> None:
    """A refused request has a connection for its answer."""
    assert Limits(max_connections=cap).max_requests == requests


@pytest.mark.parametrize("cap", [8, 100, 1000, 5000])
def test_those_who_stay_leave_connections_to_others(cap: int) -> None:
    """Streams and waits cannot be closed to make room: together they are three quarters at most."""
    limits = Limits(max_connections=cap)

    assert limits.max_streams + limits.max_waits <= cap * 3 // 4
