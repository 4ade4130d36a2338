"""Whose connection makes room for another: one that waits for its peer, whatever it waits for."""

from rtmanager.server.connections import Limits
from tests.unit.server.peer import GET, HALF_BODY, Peer, Reading, Waiting
from tests.unit.server.transport import connection, turns


async def makes_room(peer: Peer) -> bool:
    """Return whether this connection is closed in favour of another."""
    connection(connections=peer.connections)
    return peer.transport.aborted


async def test_half_a_body_makes_room() -> None:
    """A request that is not complete keeps nobody out, although the application waits for it."""
    peer = Peer(app := Reading(), limits=Limits(max_connections=1))
    await peer.send(HALF_BODY)

    assert await makes_room(peer)
    await turns()
    assert app.messages[-1] == {"type": "http.disconnect"}


async def test_half_a_request_sent_ahead_makes_room_when_it_is_due() -> None:
    """Before that, the peer waits for its first answer."""
    peer = Peer(app := Waiting(then=Reading()), limits=Limits(max_connections=1))
    await peer.send(GET, HALF_BODY)
    before = await makes_room(peer)
    app.go.set()
    await turns()

    assert not before
    assert await makes_room(peer)


async def test_an_answer_that_is_not_read_makes_room() -> None:
    """Until it is read, the connection waits for its peer, then the peer for the next answer."""
    peer = Peer(Waiting(), limits=Limits(max_connections=1))
    await peer.send(GET)
    peer.protocol.pause_writing()
    peer.protocol.resume_writing()
    before = await makes_room(peer)
    peer.protocol.pause_writing()
    after = await makes_room(peer)
    peer.protocol.connection_lost(None)

    assert (before, after) == (False, True)


async def test_a_last_answer_that_is_not_read_makes_room() -> None:
    """A connection that only has to send the rest waits for its peer."""
    peer = Peer(limits=Limits(max_connections=1))
    await peer.send(b"GET / HTTP/1.0\r\n\r\n")

    assert peer.transport.closed
    assert await makes_room(peer)


async def test_a_waiting_connection_makes_room() -> None:
    """A new connection replaces one that has sent nothing."""
    peer = Peer(limits=Limits(max_connections=1))
    _, other_transport = connection(connections=peer.connections)

    assert peer.transport.aborted
    assert not other_transport.closed


async def test_a_lost_connection_has_no_place() -> None:
    """When its peer has gone, a connection is not counted any more."""
    peer = Peer()
    peer.protocol.connection_lost(None)

    assert len(peer.connections) == 0
