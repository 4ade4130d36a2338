"""How fast a peer has to read; `test_http_protocol.py` has the rest."""

import socket

import pytest

from rtmanager.server.peer_time import LEAST_READ, PeerTime, unread_by
from tests.unit.server.transport import MemoryTransport, Time


@pytest.fixture
def time() -> Time:
    """Return a clock."""
    return Time()


def test_reading_counts_from_what_was_written_last(time: Time) -> None:
    """An answer that grows does not hide that its peer reads."""
    peer = PeerTime(time, 10.0)
    peer.watch_reading(100_000)
    time.now += 5
    peer.watch_reading(900_000)
    time.now += 4
    peer.watch_reading(900_000 - LEAST_READ)
    time.now += 9

    assert not peer.reads_too_slowly


def test_a_growing_answer_gives_no_time(time: Time) -> None:
    """Only reading does."""
    peer = PeerTime(time, 10.0)
    for unread in range(100_000, 110_000, 1000):
        peer.watch_reading(unread)
        time.now += 1

    assert peer.reads_too_slowly


def test_what_the_kernel_keeps_is_not_read() -> None:
    """It may keep megabytes, of which our own buffer shows nothing; of a closed socket nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with peer, ours:
        ours.settimeout(0)
        ours.send(b"a" * 8_000_000)
        before = unread_by(MemoryTransport(None, ours))
    after = unread_by(MemoryTransport(None, ours))

    assert before > 0
    assert after == 0
