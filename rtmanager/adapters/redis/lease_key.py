"""The atomic commands on the Redis key of a game's lease."""

import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.errors import redis_errors
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber

# redis-py's Lock draws no number. That must happen in the step that takes the lease, so that
# numbers grow in the order of the leases. The clock makes up for a flushed last number, the last
# number for a clock that stepped back, and `above`, kept in the database, for both together. Lua's
# numbers are exact until the year 2255.
_TAKE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[2]) or '0') or 0
local number = math.max(time[1] * 1000000 + time[2], last + 1, ARGV[3] + 1)
redis.call('SET', KEYS[2], string.format('%.0f', number))
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
return number
"""
_RENEW = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""


def lease_key(installation_id: str, game_id: GameId) -> str:
    """Return the key of a game's lease; the id is encoded, because it may contain any byte."""
    encoded = base64.urlsafe_b64encode(game_id.encode("utf-8", "surrogatepass")).decode()
    return f"rtmanager:{installation_id}:game_lease:{encoded}"


def lease_number_key(installation_id: str) -> str:
    """Return the key of the last number drawn for any game."""
    return f"rtmanager:{installation_id}:lease_number"


@dataclass(frozen=True)
class LeaseKey:
    """The key as used by one holder, who is identified by a random token."""

    client: RedisClient
    installation_id: str
    game_id: GameId
    ttl: float
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def name(self) -> str:
        """The key's name in Redis."""
        return lease_key(self.installation_id, self.game_id)

    async def take(self, *, above: LeaseNumber) -> LeaseNumber | None:
        """Set our token and draw the lease's number; None when another token is set."""
        last = lease_number_key(self.installation_id)
        answer = await self._run(_TAKE, str(self._ttl_milliseconds), str(above), more_keys=[last])
        return None if answer is None else LeaseNumber(answer)

    async def renew(self) -> bool:
        """Reset our token's time to live; False when the token is gone."""
        return bool(await self._run(_RENEW, str(self._ttl_milliseconds)))

    async def release(self) -> bool:
        """Delete our token; False when it is gone."""
        return bool(await self._run(_RELEASE))

    def fields(self, **more: object) -> dict[str, object]:
        """Return the fields of a log event about this lease."""
        return {"game_id": self.game_id, "lease": self.name, **more}

    @property
    def _ttl_milliseconds(self) -> int:
        return max(1, int(self.ttl * 1000))

    async def _run(self, script: str, *arguments: str, more_keys: list[str] | None = None) -> Any:
        keys = [self.name, *(more_keys or ())]
        with redis_errors():
            return await self.client.commands.eval(script, len(keys), *keys, self.token, *arguments)
