"""What waits in the job streams."""

from collections.abc import Sequence
from datetime import UTC, datetime

from redis.asyncio import Redis

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.errors import redis_errors
from rtmanager.adapters.redis.streams import StreamLayout
from rtmanager.domain.ports.backlogs import Backlog
from rtmanager.domain.ports.job_stream import entry_order

# For each stream: how many entries wait, for how many milliseconds the oldest of them does by the
# server's clock, and its id.
# Waiting are the pending entries and those after the last delivered one. Where the server does not
# know their number, as after a deletion, at most 100 are counted, one at a time: some may be huge.
_BACKLOG = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function age(id) return math.max(0, now - tonumber(string.match(id, '^%d+'))) end
local function older(one, other)
  if not one or not other then return one or other end
  return age(other) > age(one) and other or one
end
local function group(stream)
  if redis.call('EXISTS', stream) == 0 then return nil end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local facts = {}
    for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
    if facts.name == ARGV[1] then return facts end
  end
  return {pending = 0, ['last-delivered-id'] = '0-0', lag = redis.call('XLEN', stream)}
end
local function counted(stream, after)
  local count = 0
  while count < 100 do
    local entry = redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', 1)[1]
    if not entry then break end
    count, after = count + 1, entry[1]
  end
  return count
end
local answer = {}
for number, stream in ipairs(KEYS) do
  local facts, waiting, oldest = group(stream), 0, nil
  if facts then
    local delivered = facts['last-delivered-id']
    local lag = tonumber(facts.lag or nil) or counted(stream, delivered)
    waiting = facts.pending + lag
    if facts.pending > 0 then oldest = redis.call('XPENDING', stream, ARGV[1])[2] end
    local next = lag > 0 and redis.call('XRANGE', stream, '(' .. delivered, '+', 'COUNT', 1)[1]
    oldest = older(oldest, next and next[1])
  end
  answer[number] = {waiting, oldest and age(oldest) or 0, oldest}
end
return answer
"""


class RedisJobBacklogs:
    """Counts the entries that the group has not acknowledged, delivered or not."""

    about = "the job streams"

    def __init__(self, client: RedisClient, layout: StreamLayout, *, group: str) -> None:
        self._redis = Redis(connection_pool=client.commands.connection_pool)
        self._streams = list(layout.jobs.values())
        self._group = group

    async def read(self) -> Sequence[Backlog]:
        """Return what waits in each stream, by its name."""
        with redis_errors():
            answer = await self._redis.eval(
                _BACKLOG, len(self._streams), *self._streams, self._group
            )
        found = zip(self._streams, answer, strict=True)
        return [_backlog(stream, *backlog) for stream, backlog in found]


def _backlog(stream: str, waiting: int, age: int, oldest: bytes | None = None) -> Backlog:
    oldest_at = None if oldest is None else _added_at(oldest.decode())
    return Backlog(stream, waiting, oldest_at, age / 1000)


def _added_at(entry_id: str) -> datetime | None:
    """Return when the entry was added; None if whoever chose its id has chosen no time."""
    try:
        return datetime.fromtimestamp(entry_order(entry_id)[0] / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
