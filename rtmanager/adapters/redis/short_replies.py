"""A parser of replies that have to be short: the connection is dropped at one that is not."""

from typing import Any

from redis._parsers import _AsyncRESP2Parser  # there is no public one to extend

MAX_REPLY = 64 * 1024
"""Bytes, which also bound the elements: each takes some."""


class LongReplyError(Exception):
    """The reply was longer than allowed, and the rest of it was not read."""


class ShortReplies(_AsyncRESP2Parser):
    """Reads at most `MAX_REPLY` of one reply, however long that says it is.

    Any error closes the connection, so the rest is never received.
    """

    _left = MAX_REPLY

    async def read_response(
        self,
        disable_decoding: bool = False,  # noqa: FBT001, FBT002 - as its parent has it
    ) -> Any:
        """Return the next reply."""
        self._left = MAX_REPLY
        return await super().read_response(disable_decoding=disable_decoding)

    async def _readline(self) -> bytes:
        line = await super()._readline()
        self._spend(len(line))
        return line

    async def _read(self, length: int) -> bytes:
        self._spend(length)
        return await super()._read(length)

    def _spend(self, size: int) -> None:
        self._left -= size + len(b"\r\n")
        if self._left < 0:
            raise LongReplyError
