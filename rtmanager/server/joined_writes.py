"""Writing the head of an answer together with its body: one call of the kernel instead of two."""

import asyncio

JOINED = 16 * 1024
"""Bytes that are copied to be written together; more are written as they are."""


class JoinedWrites:
    """What the answers of a connection are written to, in place of its transport.

    A small write is kept for the next one, but only within this turn of the event loop: the head of
    a stream goes out although its first part is not there yet.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._kept = b""
        self._is_due = False

    def write(self, data: bytes) -> None:
        """Write the data with what was kept, or keep it for the next write."""
        if len(data) > JOINED:
            self.flush()
            self._transport.write(data)
        elif self._kept:
            self._kept += data
            self.flush()
        else:
            self._kept = data
            self._flush_soon()

    def flush(self) -> None:
        """Write what was kept, unless nobody is there to read it."""
        kept, self._kept = self._kept, b""
        if kept and not self._transport.is_closing():
            self._transport.write(kept)

    def close(self) -> None:
        """Write what was kept, and close the connection."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Return whether the connection is closed or about to be."""
        return self._transport.is_closing()

    def _flush_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._is_due = False
        self.flush()
