"""The commands on the one key that is a game's lease; every one is atomic in Redis."""

import base64
import secrets
from dataclasses import dataclass, field

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.errors import redis_errors
from rtmanager.domain.game_id import GameId

_RENEW = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""


def lease_key(game_id: GameId) -> str:
    """Return the key of a game's lease: the id encoded, for it may hold any byte."""
    encoded = base64.urlsafe_b64encode(game_id.encode("utf-8", "surrogatepass")).decode()
    return f"rtmanager:game_lease:{encoded}"


@dataclass(frozen=True)
class LeaseKey:
    """One holder's view of the key, told from every other's by a random token."""

    client: RedisClient
    name: str
    ttl: float
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    async def take(self) -> bool:
        """Set our token if nobody's is there."""
        with redis_errors():
            return bool(
                await self.client.commands.set(
                    self.name, self.token, nx=True, px=self._ttl_milliseconds
                )
            )

    async def renew(self) -> bool:
        """Give our token its full life again; False when it is no longer there."""
        return await self._run(_RENEW, str(self._ttl_milliseconds))

    async def release(self) -> bool:
        """Delete our token; False when it is no longer there."""
        return await self._run(_RELEASE)

    @property
    def _ttl_milliseconds(self) -> int:
        return max(1, int(self.ttl * 1000))

    async def _run(self, script: str, *arguments: str) -> bool:
        with redis_errors():
            answer = await self.client.commands.eval(script, 1, self.name, self.token, *arguments)
        return bool(answer)
