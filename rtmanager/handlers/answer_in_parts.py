"""Sending an answer in JSON in parts that must not wait for a caller who reads slowly."""

import asyncio
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from starlette.types import Message, Send

from rtmanager.domain.errors import ServiceUnavailable

PATIENCE = 0.25
"""Seconds for which the parts of an answer wait in total for a caller that reads slowly."""

MOST_KEPT = 16 * 1024 * 1024
"""Compressed bytes that all answers together may keep for such callers."""

_FASTEST = 1


class KeptMemory:
    """What all answers together keep for callers who read slowly."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.used = 0
        self._most = most

    @contextmanager
    def kept_parts(self) -> Iterator["KeptParts"]:
        """Yield a place for an answer's parts, which is cleared at the end of the block."""
        parts = KeptParts(self)
        try:
            yield parts
        finally:
            parts.clear()

    def take(self, size: int) -> None:
        """Use more bytes; raises ServiceUnavailable when too many are used already."""
        if self.used + size > self._most:
            raise ServiceUnavailable("too many callers read long lists too slowly")
        self.used += size

    def give_back(self, size: int) -> None:
        """Use fewer bytes."""
        self.used -= size


class KeptParts:
    """The parts of one answer that are not sent yet, compressed."""

    def __init__(self, memory: KeptMemory) -> None:
        self._memory = memory
        self._packed: deque[bytes] = deque()

    def __len__(self) -> int:
        """Return the number of parts."""
        return len(self._packed)

    def add(self, part: bytes) -> None:
        """Keep a part; raises ServiceUnavailable when too much is kept already."""
        packed = zlib.compress(part, _FASTEST)
        self._memory.take(len(packed))
        self._packed.append(packed)

    def taken(self) -> Iterator[bytes]:
        """Yield the parts in order; they are kept no longer."""
        while self._packed:
            packed = self._packed.popleft()
            self._memory.give_back(len(packed))
            yield zlib.decompress(packed)

    def clear(self) -> None:
        """Drop what is left."""
        self._memory.give_back(sum(map(len, self._packed)))
        self._packed.clear()


class Answer(Protocol):
    """An answer that is sent in parts."""

    async def add(self, part: bytes) -> None:
        """Send a part, now or later; raises ServiceUnavailable when too much is kept already."""

    async def end(self) -> None:
        """Send what is left; nothing that was added needs to be held for that."""

    def close(self) -> None:
        """Send nothing more."""


class StreamedAnswer:
    """Sends each part when the caller has taken most of the one before.

    Out of `PATIENCE` it takes what comes without waiting, and keeps what cannot be sent yet.
    """

    def __init__(self, send: Send, kept: KeptParts) -> None:
        self._send, self._kept = send, kept
        self._patience = PATIENCE
        self._sending = asyncio.ensure_future(send(_head(None)))

    async def add(self, part: bytes) -> None:
        """Send a part as soon as the one before was taken, or keep it."""
        if not self._kept:
            await self._wait()
        if self._kept or not self._sending.done():
            self._kept.add(part)
            return
        self._sending.result()
        self._sending = asyncio.ensure_future(self._send(_body(part)))

    async def _wait(self) -> None:
        """Wait for the caller, as long as there is patience left."""
        began = time.monotonic()
        await asyncio.wait({self._sending}, timeout=max(0, self._patience))
        self._patience -= time.monotonic() - began

    async def end(self) -> None:
        """Send what is kept."""
        await self._sending
        await _send_kept(self._send, self._kept)

    def close(self) -> None:
        """Send nothing more."""
        self._sending.cancel()


class WholeAnswer:
    """Sends the parts with their length, which is known at the end."""

    def __init__(self, send: Send, kept: KeptParts) -> None:
        self._send, self._kept = send, kept
        self._length = 0

    async def add(self, part: bytes) -> None:
        """Keep a part."""
        self._length += len(part)
        self._kept.add(part)

    async def end(self) -> None:
        """Send everything."""
        await self._send(_head(self._length))
        await _send_kept(self._send, self._kept)

    def close(self) -> None:
        """Do nothing: nothing is being sent."""


async def send_at_once(send: Send, length: int | None, body: bytes) -> None:
    """Send a whole answer in one part."""
    await send(_head(length))
    await send(_body(body, is_last=True))


async def _send_kept(send: Send, kept: KeptParts) -> None:
    for part in kept.taken():
        await send(_body(part))
    await send(_body(b"", is_last=True))


def _head(length: int | None) -> Message:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    return {"type": "http.response.start", "status": 200, "headers": headers}


def _body(part: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": not is_last}
