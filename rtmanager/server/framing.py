"""The size of a request besides its body: whatever of it stays in memory is limited."""

from collections.abc import Sized

HEAD_LIMIT = 64 * 1024
"""Bytes of a request besides its body: request line, headers, chunk sizes, trailers."""

HEADERS_LIMIT = 100
"""Headers of a request, and its trailers: each costs many times its bytes in memory."""

_LINE_ENDS = 4

Headers = list[tuple[bytes, bytes]]


class Framing:
    """What was received of a request and is not its body."""

    def __init__(self) -> None:
        self._size = 0

    def add(self, read: Sized) -> None:
        """Count what was read, before the parser says what it is."""
        self._size += len(read)

    def take_out(self, body: Sized) -> None:
        """Leave out what was a part of the body."""
        self._size -= len(body)

    def end(self) -> None:
        """Begin to count for the next request."""
        self._size = 0

    def is_too_large(self, headers: Headers) -> bool:
        """Return whether it is too large once the parser has seen everything that was read."""
        return self._size > HEAD_LIMIT or len(headers) > HEADERS_LIMIT

    def has_too_large_a_head(self, url: bytes, headers: Headers) -> bool:
        """Return whether the head is, of which the same read may have brought the body too."""
        if not self.is_too_large(headers):
            return False
        sizes = (len(name) + len(value) + _LINE_ENDS for name, value in headers)
        return len(headers) > HEADERS_LIMIT or len(url) + sum(sizes) > HEAD_LIMIT
