"""The time that a peer has for what it is to do next: to send something, or to read it."""

import asyncio
import math
import struct
from collections.abc import Callable
from fcntl import ioctl
from termios import TIOCOUTQ

LEAST_READ = 32 * 1024
"""Bytes that a peer has to read within the time for a request, to get as long for the next ones.

A slow peer may take its time for a large answer; one that drips does not hold it for ever.
"""


def unread_by(transport: asyncio.WriteTransport) -> int:
    """Return how many bytes the peer has not taken yet, with those that the kernel keeps for it.

    The kernel takes more of an answer only when a third of its buffer is free, which may be 4 MB:
    by our own buffer alone, a slow peer would seem to read nothing for a long time.
    """
    unread = transport.get_write_buffer_size()
    socket = transport.get_extra_info("socket")
    try:
        (kept,) = struct.unpack("i", ioctl(socket.fileno(), TIOCOUTQ, bytes(4))) if socket else (0,)
    except (OSError, ValueError):  # it was closed meanwhile
        kept = 0
    return unread + int(kept)


class PeerTime:
    """Two deadlines of a connection; each is over only while it is the peer's turn."""

    def __init__(self, now: Callable[[], float], patience: float) -> None:
        self.patience = patience
        self._now = now
        self._send_until = math.inf
        self._read_until = math.inf
        self._unread: int | None = None

    def begin(self, seconds: float | None = None) -> None:
        """Give the peer this long to send what is expected of it; by default, a request's time."""
        self._send_until = self._now() + (self.patience if seconds is None else seconds)

    def stop(self) -> None:
        """Expect nothing more of the peer: it waits for us."""
        self._send_until = math.inf

    @property
    def is_over(self) -> bool:
        """Whether the peer has not sent in time what was expected."""
        return self._now() >= self._send_until

    def watch_reading(self, unread: int) -> None:
        """Note how much the peer has not read yet; time restarts whenever it has read enough."""
        if self._unread is None or unread <= self._unread - LEAST_READ:
            self._unread = unread
            self._read_until = self._now() + self.patience
        self._unread = max(self._unread, unread)

    def forget_reading(self) -> None:
        """Note that the peer has read."""
        self._unread = None
        self._read_until = math.inf

    @property
    def reads_too_slowly(self) -> bool:
        """Whether the peer has not read enough in time."""
        return self._now() >= self._read_until
