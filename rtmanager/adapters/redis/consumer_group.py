"""The commands of a consumer group, atomic ones as scripts, and their raw answers."""

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from os import getpid
from secrets import token_hex
from socket import gethostname
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.entry_scripts import FIND, OLDEST, READ, RawEntry, raw_entries
from rtmanager.adapters.redis.errors import redis_errors
from rtmanager.adapters.redis.short_replies import LongReplyError

CLAIM_BATCH = 500
TRIM_BATCH = 500
"""Entries per trimming step, during which the server does nothing else."""

FIRST = "0-0"
NEW = ">"
"""Where to read: an id reads our pending entries after it, NEW reads undelivered ones."""

# Deleting a consumer drops its pending entries, so the check and the deletion are one step.
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
# One stretch of the stream, from its oldest entry or the end of the previous stretch: entries that
# were delivered and are not pending are done. Returns how many were dropped, and where to continue.
_TRIM_ACKNOWLEDGED = """
local excess = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[2])
if excess <= 0 then return {0} end
local delivered = '0-0'
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local facts = {}
  for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
  if facts.name == ARGV[1] then delivered = facts['last-delivered-id'] end
end
local entries = redis.call('XRANGE', KEYS[1], ARGV[3], delivered, 'COUNT', ARGV[4])
local done = {}
for _, entry in ipairs(entries) do
  local id = entry[1]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1) == 0 then done[#done + 1] = id end
  if #done == excess then break end
end
if #done > 0 then redis.call('XDEL', KEYS[1], unpack(done)) end
if #done == excess or #entries < tonumber(ARGV[4]) then return {#done} end
return {#done, '(' .. entries[#entries][1]}
"""
_DEAD_LETTER = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one read returned of a stream, and whether there may be more.

    Without entries, those that are added later have ids after `delivered`.
    """

    entries: Sequence[RawEntry]
    has_more: bool
    delivered: str = FIRST


class GroupLostError(Exception):
    """The stream or its group is gone: the server was flushed or replaced."""


class ConsumerGroup:
    """The commands of one consumer of a group; each process is a consumer with its own name."""

    def __init__(self, client: RedisClient, *, group: str) -> None:
        self._redis = Redis(connection_pool=client.commands.connection_pool)
        # The raw answer, which older servers give without the ids of trimmed entries.
        self._redis.set_response_callback("XAUTOCLAIM", _unchanged)
        self._waits = Redis(connection_pool=client.waits.connection_pool)
        self._waits.set_response_callback("XREAD", _unchanged)
        self._group = group
        self._consumer = f"{gethostname()}-{getpid()}-{token_hex(4)}"

    async def create(self, stream: str) -> None:
        """Create the group, and the stream if missing; existing entries count as new."""
        try:
            await self._ask(self._redis.xgroup_create(stream, self._group, id="0", mkstream=True))
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def read(
        self, after: Mapping[str, str | None], *, count: int
    ) -> dict[str, Stretch] | None:
        """Return entries of each stream after its id, or new ones, at most `count` per stream.

        A stream without an id is not read. Returns None, and nothing is delivered, while another
        consumer has pending entries of any of the streams.
        """
        ids = [each or "" for each in after.values()]
        arguments = [*after, self._group, self._consumer, str(count), *ids]
        answer = await self._ask(self._redis.eval(READ, len(after), *arguments))
        if answer is None:
            return None
        return {
            stream: Stretch(raw_entries(entries), bool(more), (delivered or b"0-0").decode())
            for stream, (entries, more, delivered) in zip(after, answer, strict=True)
        }

    async def wait(self, after: Mapping[str, str], *, seconds: float) -> bool:
        """Wait until a stream has an entry after its id; return whether one has."""
        streams: Any = dict(after)
        try:
            # The entry is not wanted, and most of a long one is not even received.
            xread = self._waits.xread(streams, count=1, block=max(1, ceil(seconds * 1000)))
            return bool(await self._ask(xread))
        except LongReplyError:
            return True

    async def claim_all(self, stream: str) -> list[str]:
        """Take over all pending entries; return the ids of those that were trimmed."""
        trimmed: list[str] = []
        start: Any = FIRST
        while True:
            # Only their ids: the entries may need too much memory.
            start, _, *deleted = await self._ask(
                self._redis.xautoclaim(
                    stream, self._group, self._consumer, 0, start, CLAIM_BATCH, justid=True
                )
            )
            trimmed += [each.decode() for each in (deleted[0] if deleted else ())]
            if start == FIRST.encode():
                return trimmed

    async def forget_idle_consumers(self, stream: str) -> None:
        """Delete the group's other consumers that have nothing pending."""
        await self._ask(self._redis.eval(_FORGET_IDLE, 1, stream, self._group, self._consumer))

    async def acknowledge(self, stream: str, entry_ids: Sequence[str]) -> None:
        """Remove the entries from the pending list."""
        if entry_ids:
            await self._ask(self._redis.xack(stream, self._group, *entry_ids))

    async def find(self, stream: str, entry_id: str) -> RawEntry | None:
        """Return one entry, None when it is trimmed."""
        answer = await self._ask(self._redis.eval(FIND, 1, stream, entry_id))
        return next(iter(raw_entries(answer)), None)

    async def oldest(self, stream: str) -> str | None:
        """Return the id of the oldest entry, None when there is none."""
        answer = await self._ask(self._redis.eval(OLDEST, 1, stream))
        return None if answer is None else str(answer.decode())

    async def dead_letter(
        self, stream: str, entry_id: str, *, to: str, maxlen: int, fields: Sequence[str]
    ) -> None:
        """Add the fields to another stream and acknowledge the entry, if it is still pending."""
        await self._ask(
            self._redis.eval(
                _DEAD_LETTER, 2, stream, to, self._group, entry_id, str(maxlen), *fields
            )
        )

    async def trim(self, stream: str, *, maxlen: int) -> int:
        """Drop the oldest acknowledged entries until the stream has at most `maxlen`.

        Pending entries stay. Works stretch by stretch.
        """
        dropped, start = 0, "-"
        while start:
            arguments = self._group, str(maxlen), start, str(TRIM_BATCH)
            trim = self._redis.eval(_TRIM_ACKNOWLEDGED, 1, stream, *arguments)
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
        # A script's error has more text around the server's message.
        if any(code in str(error) for code in ("NOGROUP", "UNBLOCKED", "no such key")):
            raise GroupLostError from error
        raise


def _unchanged(response: Any, **_options: Any) -> Any:
    return response
