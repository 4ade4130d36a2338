"""How many jobs wait in their streams, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.errors import redis_errors
from rtmanager.domain.ports.job_stream import JobKind

# For each stream: how many entries wait, and for how many milliseconds the oldest of them does.
# Waiting are the pending entries and those after the last delivered one. Where the server does not
# know their number, as after a deletion, at most 100 are counted, one at a time: some may be huge.
_BACKLOG = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function age(id) return math.max(0, now - tonumber(string.match(id, '^%d+'))) end
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
  local facts, waiting, oldest = group(stream), 0, 0
  if facts then
    local delivered = facts['last-delivered-id']
    local lag = tonumber(facts.lag or nil) or counted(stream, delivered)
    waiting = facts.pending + lag
    if facts.pending > 0 then oldest = age(redis.call('XPENDING', stream, ARGV[1])[2]) end
    local next = lag > 0 and redis.call('XRANGE', stream, '(' .. delivered, '+', 'COUNT', 1)[1]
    if next then oldest = math.max(oldest, age(next[1])) end
  end
  answer[number] = {waiting, oldest}
end
return answer
"""


@dataclass(frozen=True, slots=True)
class JobBacklog:
    """How many jobs of a stream are not acknowledged, and the age of the oldest in seconds."""

    waiting: int
    oldest: float


class RedisJobBacklog:
    """Reads the backlog of both streams with one command."""

    def __init__(self, client: RedisClient, streams: Mapping[JobKind, str], *, group: str) -> None:
        self._redis = Redis(connection_pool=client.commands.connection_pool)
        self._streams = dict(streams)
        self._group = group

    async def read_backlog(self) -> Mapping[JobKind, JobBacklog]:
        """Return the backlogs; raise ServiceUnavailable."""
        names = list(self._streams.values())
        with redis_errors():
            answer = await self._redis.eval(_BACKLOG, len(names), *names, self._group)
        return {
            kind: JobBacklog(int(waiting), int(oldest) / 1000)
            for kind, (waiting, oldest) in zip(self._streams, answer, strict=True)
        }
