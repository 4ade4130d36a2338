"""One stream as a consumer group sees it: the commands and their raw answers."""

from collections.abc import Awaitable, Iterator, Sequence
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

CLAIMED_AT_ONCE = 500

Pairs = Sequence[tuple[bytes, bytes]]

# Deleting a consumer drops what is pending to it, so asking and deleting are one step.
_FORGET_IDLE = """
local gone = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
  if facts.name ~= ARGV[2] and facts.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts.name)
    gone = gone + 1
  end
end
return gone
"""
_OTHERS_PENDING = """
for _, stream in ipairs(KEYS) do
  local consumers = redis.call('XPENDING', stream, ARGV[1])[4]
  for _, consumer in ipairs(consumers or {}) do
    if consumer[1] ~= ARGV[2] then return 1 end
  end
end
return 0
"""
# Everything before the oldest entry that is pending or still to be delivered is done with.
_TRIM_ACKNOWLEDGED = """
if redis.call('XLEN', KEYS[1]) <= tonumber(ARGV[2]) then return 0 end
local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
if pending[1] > 0 then return redis.call('XTRIM', KEYS[1], 'MINID', '~', pending[2]) end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local facts = {}
  for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
  if facts.name == ARGV[1] then
    return redis.call('XTRIM', KEYS[1], 'MINID', '~', facts['last-delivered-id'])
  end
end
return 0
"""
_BURY = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
"""


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as it is in the stream: names and values in their order, doubled names included."""

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
        self, streams: Sequence[str], *, count: int, block_ms: int | None
    ) -> dict[str, list[RawEntry]]:
        """Return new entries of each stream, at most `count` of each."""
        latest: Any = dict.fromkeys(streams, ">")
        answer = await self._ask(
            self._redis.xreadgroup(self._group, self._consumer, latest, count, block_ms)
        )
        return {stream.decode(): _entries(entries) for stream, entries in answer or ()}

    async def claim_all(self, stream: str) -> tuple[list[RawEntry], list[str]]:
        """Take over all pending entries; return them, and the ids of those that are trimmed."""
        claimed: list[RawEntry] = []
        trimmed: list[str] = []
        start = "0-0"
        while True:
            start, entries, *deleted = await self._ask(
                self._redis.xautoclaim(
                    stream, self._group, self._consumer, 0, start, CLAIMED_AT_ONCE
                )
            )
            claimed += _entries(entries)
            trimmed += [each.decode() for each in (deleted[0] if deleted else ())]
            if start == b"0-0":
                return claimed, trimmed

    async def others_have_some(self, streams: Sequence[str]) -> bool:
        """Tell whether entries of these streams are pending to another consumer."""
        keys = [*streams, self._group, self._consumer]
        return bool(await self._ask(self._redis.eval(_OTHERS_PENDING, len(streams), *keys)))

    async def forget_idle_consumers(self, stream: str) -> None:
        """Delete the other consumers of the group that have nothing pending."""
        await self._ask(self._redis.eval(_FORGET_IDLE, 1, stream, self._group, self._consumer))

    async def acknowledge(self, stream: str, entry_id: str) -> None:
        """Take the entry off the pending list."""
        await self._ask(self._redis.xack(stream, self._group, entry_id))

    async def find(self, stream: str, entry_id: str) -> RawEntry | None:
        """Return one entry, None when it is trimmed."""
        answer = await self._ask(self._redis.xrange(stream, entry_id, entry_id))
        return next(iter(_entries(answer)), None)

    async def bury(
        self, stream: str, entry_id: str, *, to: str, maxlen: int, fields: Sequence[str]
    ) -> None:
        """Add the fields to another stream and acknowledge the entry, if it is pending."""
        await self._ask(
            self._redis.eval(_BURY, 2, stream, to, self._group, entry_id, str(maxlen), *fields)
        )

    async def trim(self, stream: str, *, maxlen: int) -> int:
        """Drop acknowledged entries if the stream is longer than this."""
        trim = self._redis.eval(_TRIM_ACKNOWLEDGED, 1, stream, self._group, str(maxlen))
        return int(await self._ask(trim))

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
    # Servers before version 7 show a trimmed entry as nothing, or with no fields.
    found = (entry for entry in answer if entry is not None and entry[1] is not None)
    return [
        RawEntry(entry_id.decode(), list(zip(flat[::2], flat[1::2], strict=True)))
        for entry_id, flat in found
    ]
