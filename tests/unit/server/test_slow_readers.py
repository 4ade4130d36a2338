"""Answers that are read slowly, or not at all."""

import pytest

from rtmanager.server.http_protocol import KEEP_ALIVE
from rtmanager.server.peer_time import LEAST_READ
from rtmanager.server.refusals import Reason
from tests.unit.server.peer import GET, OK, Peer


async def test_an_answer_that_is_read_after_all_is_not_cut_off() -> None:
    """Time counts only while nothing is read."""
    peer = Peer()
    await peer.send(GET)
    peer.protocol.pause_writing()
    await peer.wait(4)
    peer.protocol.resume_writing()
    await peer.send(GET)
    await peer.wait(4)

    assert not peer.transport.closed


@pytest.mark.parametrize("last", [False, True], ids=["answer", "last answer"])
@pytest.mark.parametrize(
    ("read_each_second", "is_cut_off"), [(LEAST_READ // 10 + 1, False), (1000, True)]
)
async def test_a_large_answer_may_be_read_slowly(
    read_each_second: int,
    is_cut_off: bool,  # noqa: FBT001 - a table
    last: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Whoever reads steadily gets everything; whoever drips loses the connection."""
    peer = Peer()
    peer.transport.unread = 1_000_000
    if last:
        await peer.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    else:
        await peer.send(GET)
        peer.protocol.pause_writing()
    for _ in range(100):
        peer.transport.unread -= read_each_second
        await peer.wait(1)

    assert peer.transport.aborted is is_cut_off
    assert peer.refusals.added == [Reason.ANSWER_NOT_READ] * is_cut_off


async def test_the_time_for_the_next_request_begins_when_the_answer_is_read() -> None:
    """Who has to read for long keeps its connection as long as others."""
    peer = Peer()
    peer.transport.unread = 1_000_000
    await peer.send(GET)
    peer.protocol.pause_writing()
    for _ in range(20):
        peer.transport.unread -= LEAST_READ
        await peer.wait(1)
    peer.protocol.resume_writing()
    await peer.wait(KEEP_ALIVE - 0.1)
    open_before = not peer.transport.closed
    await peer.wait(0.1)

    assert open_before
    assert peer.transport.closed


async def test_the_last_answer_is_not_waited_for_without_end() -> None:
    """A connection that closes but cannot send the rest is cut off too."""
    peer = Peer()
    await peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    await peer.wait(0)
    await peer.wait(9)
    open_before = not peer.transport.aborted
    await peer.wait(1)

    assert peer.statuses == [OK]
    assert open_before
    assert peer.transport.aborted
