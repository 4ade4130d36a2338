"""One stream as a consumer group sees it: the commands and their raw answers."""

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import getpid
from secrets import token_hex
from socket import gethostname
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.errors import redis_errors
from rtmanager.adapters.redis.group_scripts import (
    DEAD_LETTER,
    FORGET_IDLE,
    OTHERS_PENDING,
    TRIM_ACKNOWLEDGED,
)

CLAIMED_AT_ONCE = 500
LOOKED_AT_ONCE = 500
"""Entries that one trimming step looks at; the server does nothing else meanwhile."""

FIRST = "0-0"
NEW = ">"
"""Where to read on: after an id, what is pending to us; else what nobody was given yet."""

Pairs = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as it is in the stream: names and values in their order, doubled names included.

    Without any it is pending and not in the stream any more.
    """

    id: str
    pairs: Pairs


class GroupLostError(Exception):
    """The stream or its group is gone: the server was flushed or replaced."""


class ConsumerGroup:
    """The commands of one consumer of a group, named anew in each process."""

    def __init__(self, client: RedisClient, *, group: str) -> None:
        self._redis = Redis(connection_pool=client.commands.connection_pool)
        # As the server answers: made into a mapping, a field that comes twice would come once.
        for command in ("XREADGROUP", "XAUTOCLAIM", "XRANGE"):
            self._redis.set_response_callback(command, _as_it_is)
        self._group = group
        self._consumer = f"{gethostname()}-{getpid()}-{token_hex(4)}"

    async def create(self, stream: str) -> None:
        """Make the group, and the stream if need be; entries that are there already are new."""
        try:
            await self._ask(self._redis.xgroup_create(stream, self._group, id="0", mkstream=True))
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def read(
        self, after: Mapping[str, str], *, count: int, block_ms: int | None
    ) -> dict[str, list[RawEntry]]:
        """Return entries of each stream after its id, at most `count` of each, or new ones.

        Blocks only if all that is asked for is new.
        """
        streams: Any = dict(after)
        answer = await self._ask(
            self._redis.xreadgroup(self._group, self._consumer, streams, count, block_ms)
        )
        return {stream.decode(): _entries(entries) for stream, entries in answer or ()}

    async def claim_all(self, stream: str) -> list[str]:
        """Take over all pending entries; return the ids of those that were trimmed."""
        trimmed: list[str] = []
        start: Any = FIRST
        while True:
            # Their ids alone: there may be more of them than memory should hold.
            start, _, *deleted = await self._ask(
                self._redis.xautoclaim(
                    stream, self._group, self._consumer, 0, start, CLAIMED_AT_ONCE, justid=True
                )
            )
            trimmed += [each.decode() for each in (deleted[0] if deleted else ())]
            if start == FIRST.encode():
                return trimmed

    async def others_have_some(self, streams: Sequence[str]) -> bool:
        """Tell whether entries of these streams are pending to another consumer."""
        keys = [*streams, self._group, self._consumer]
        return bool(await self._ask(self._redis.eval(OTHERS_PENDING, len(streams), *keys)))

    async def forget_idle_consumers(self, stream: str) -> None:
        """Delete the other consumers of the group that have nothing pending."""
        await self._ask(self._redis.eval(FORGET_IDLE, 1, stream, self._group, self._consumer))

    async def acknowledge(self, stream: str, entry_id: str) -> None:
        """Take the entry off the pending list."""
        await self._ask(self._redis.xack(stream, self._group, entry_id))

    async def find(self, stream: str, entry_id: str) -> RawEntry | None:
        """Return one entry, None when it is trimmed."""
        answer = await self._ask(self._redis.xrange(stream, entry_id, entry_id))
        return next(iter(_entries(answer)), None)

    async def dead_letter(
        self, stream: str, entry_id: str, *, to: str, maxlen: int, fields: Sequence[str]
    ) -> None:
        """Add the fields to another stream and acknowledge the entry, if it is pending."""
        await self._ask(
            self._redis.eval(
                DEAD_LETTER, 2, stream, to, self._group, entry_id, str(maxlen), *fields
            )
        )

    async def trim(self, stream: str, *, maxlen: int) -> int:
        """Drop the oldest acknowledged entries until the stream is no longer than this.

        Those before and behind one that is pending too, stretch by stretch.
        """
        dropped, start = 0, "-"
        while start:
            arguments = self._group, str(maxlen), start, str(LOOKED_AT_ONCE)
            trim = self._redis.eval(TRIM_ACKNOWLEDGED, 1, stream, *arguments)
            count, *more = await self._ask(trim)
            dropped += count
            start = more[0].decode() if more else ""
        return dropped

    async def _ask(self, command: Awaitable[Any]) -> Any:
        with redis_errors(), _lost_group():
            return await command


@contextmanager
def _lost_group() -> Iterator[None]:
    try:
        yield
    except ResponseError as error:
        # From a script the server's words come with more before or after them.
        if any(sign in str(error) for sign in ("NOGROUP", "UNBLOCKED", "no such key")):
            raise GroupLostError from error
        raise


def _as_it_is(response: Any, **_options: Any) -> Any:
    return response


def _entries(answer: Any) -> list[RawEntry]:
    return [
        RawEntry(entry_id.decode(), list(zip(flat[::2], flat[1::2], strict=True)))
        for entry_id, flat in ((each, fields or ()) for each, fields in answer)
    ]
