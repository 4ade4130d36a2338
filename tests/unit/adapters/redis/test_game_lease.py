"""The validity of a lease when Redis answers slowly."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from rtmanager.adapters.redis import game_lease
from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.game_lease import RedisGameLease, RedisGameLeases
from rtmanager.adapters.redis.lease_key import LeaseKey
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import LeaseNumber
from rtmanager.domain.ports.game_lease import LeaseLost
from tests.builders import GAME
from tests.unit.workers.turns import running, turns, until

TTL = 60.0
SLOW = 20.0


class SlowRedis:
    """Answers after `SLOW` seconds of its own clock, and never to its second renewal."""

    def __init__(self) -> None:
        self.commands, self.now, self.asked = self, 0.0, 0

    async def eval(self, script: str, *_: object) -> int:
        """Accept everything."""
        self.now += SLOW
        self.asked += "pexpire" in script
        if self.asked > 1:
            await asyncio.Event().wait()
        return 1


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> SlowRedis:
    """Return a slow server whose clock the leases use."""
    server = SlowRedis()
    monkeypatch.setattr(game_lease, "time", SimpleNamespace(monotonic=lambda: server.now))
    return server


async def test_lease_counts_from_before_it_was_asked_for(redis: SlowRedis) -> None:
    """The lease's time counts from before the request, because the grant's time is unknown."""
    here = Installation("galaxy-net", "here")
    leases = RedisGameLeases(cast("RedisClient", redis), here, ttl=TTL)

    async with leases.hold(GAME, wait=0) as lease:
        redis.now = TTL - 1
        lease.check()
        redis.now = TTL
        with pytest.raises(LeaseLost):
            lease.check()


async def test_renewed_lease_counts_from_before_the_renewal_was_sent(redis: SlowRedis) -> None:
    """A renewal's time counts from its request, because the answer may have taken that long."""
    ttl = SLOW / 10_000
    key = LeaseKey(cast("RedisClient", redis), "here", GAME, ttl)
    lease = RedisGameLease(key, LeaseNumber(1), taken_at=0.0)

    async with running(lease.renew_for_ever()):
        await until(lambda: redis.asked == 1)
        await turns(1)

        with pytest.raises(LeaseLost):
            lease.check()
