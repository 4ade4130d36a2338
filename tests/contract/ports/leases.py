"""The two kinds of leases under test, and direct access to their store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from redis.asyncio import Redis

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.game_lease import Grant, InMemoryGameLeases, LeaseConnection
from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.game_lease import RedisGameLeases
from rtmanager.adapters.redis.lease_key import lease_key, lease_number_key
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import LeaseNumber
from rtmanager.domain.ports.game_lease import GameLeases
from tests.support.databases import REDIS_LOGIN
from tests.support.proxy import Proxy

TTL = 0.6
INSTALLATION = "test-installation"


class LeaseWorld(Protocol):
    """The leases of two processes on one store, with injectable faults."""

    here: GameLeases
    there: GameLeases

    async def steal(self, game_id: GameId) -> None:
        """Give the lease to another holder."""

    async def is_stolen(self, game_id: GameId) -> bool:
        """Return whether that other holder still has it."""

    async def is_free(self, game_id: GameId) -> bool:
        """Return whether nobody holds it."""

    async def pass_time(self, seconds: float) -> None:
        """Let time pass."""

    def go_away(self, game_id: GameId) -> None:
        """Make the store unreachable for the first process, which may hold this game."""

    def come_back(self) -> None:
        """Make it reachable again."""

    def lose_reply_to_acquire(self) -> None:
        """Let the first process's next acquisition succeed but lose the reply."""

    async def flush(self) -> None:
        """Delete every lease and the last number."""

    async def clock(self) -> int:
        """Return the store's clock in microseconds."""

    async def be_behind(self, number: int) -> None:
        """Make this the last number, as drawn before the store's clock stepped back."""


class MemoryLeases:
    """Two in-memory processes."""

    def __init__(self) -> None:
        self._time = ManualClock()
        self._memory = LeaseConnection(self._time, ttl=TTL)
        self._stranger = Grant()
        self._is_away = self._loses_reply = False
        self.here: GameLeases = InMemoryGameLeases(with_faults(self._memory, "lease", self._fault))
        self.there: GameLeases = InMemoryGameLeases(replace(self._memory))

    async def _fault(self, point: str) -> None:
        if self._is_away or (self._loses_reply and point == "lease.acquire:done"):
            self._loses_reply = False
            raise ServiceUnavailable

    async def steal(self, game_id: GameId) -> None:
        """Replace the grant."""
        self._memory.grants[game_id] = self._stranger

    async def is_stolen(self, game_id: GameId) -> bool:
        """Read the grant."""
        return self._memory.grants.get(game_id) is self._stranger

    async def is_free(self, game_id: GameId) -> bool:
        """Read the grants."""
        return game_id not in self._memory.grants

    async def pass_time(self, seconds: float) -> None:
        """Move the clock."""
        self._time.advance(seconds)

    def go_away(self, game_id: GameId) -> None:
        """Refuse every call, renewals included."""
        self._is_away = True
        self._memory.stall(game_id)

    def come_back(self) -> None:
        """Let every call through."""
        self._is_away = False

    def lose_reply_to_acquire(self) -> None:
        """Fail once, after the effect."""
        self._loses_reply = True

    async def flush(self) -> None:
        """Delete everything."""
        self._memory.grants.clear()
        self._memory.numbers.forget()

    async def clock(self) -> int:
        """Read the clock."""
        return int(self._time.now().timestamp() * 1_000_000)

    async def be_behind(self, number: int) -> None:
        """Set the clock back, and the last number."""
        self._memory.numbers.clock_is_off_by = timedelta(days=-1)
        self._memory.numbers.last = LeaseNumber(number)


class RedisLeases:
    """The leases of two processes, the first behind a proxy."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._proxy = proxy
        self._redis = Redis(host=host, port=port, protocol=2)
        self._clients = [
            RedisClient(host, number, login=REDIS_LOGIN) for number in (proxy.port, port)
        ]
        ours = Installation(network="galaxy-net")
        self._here, self._there = (
            RedisGameLeases(client, ours, ttl=TTL) for client in self._clients
        )
        # As in the service, which makes its leases before the database has its id.
        ours.identify(INSTALLATION)
        self.here: GameLeases = self._here
        self.there: GameLeases = self._there

    async def close(self) -> None:
        """Close every connection."""
        for leases in (self._here, self._there):
            await leases.close()
        for client in self._clients:
            await client.close()
        await self._redis.aclose()

    async def steal(self, game_id: GameId) -> None:
        """Overwrite the key."""
        await self._redis.set(lease_key(INSTALLATION, game_id), "a stranger's token")

    async def is_stolen(self, game_id: GameId) -> bool:
        """Read the key."""
        return bool(
            await self._redis.get(lease_key(INSTALLATION, game_id)) == b"a stranger's token"
        )

    async def is_free(self, game_id: GameId) -> bool:
        """Check that the key is absent."""
        await self._here.close()
        return not await self._redis.exists(lease_key(INSTALLATION, game_id))

    async def pass_time(self, seconds: float) -> None:
        """Wait, because the server measures the time to live."""
        await asyncio.sleep(seconds)

    def go_away(self, _game_id: GameId) -> None:
        """Drop and refuse connections."""
        self._proxy.refuse()

    def come_back(self) -> None:
        """Accept connections again."""
        self._proxy.pass_on()

    def lose_reply_to_acquire(self) -> None:
        """Drop the reply to the next script that acquires a lease."""
        self._proxy.lose_reply_to(b"'NX'")

    async def flush(self) -> None:
        """Flush the server."""
        await self._redis.flushall()

    async def clock(self) -> int:
        """Read the server's clock."""
        seconds, microseconds = await self._redis.time()
        return int(seconds) * 1_000_000 + int(microseconds)

    async def be_behind(self, number: int) -> None:
        """Write the last number."""
        await self._redis.set(lease_number_key(INSTALLATION), number)


@asynccontextmanager
async def open_leases(address: str | None) -> AsyncIterator[LeaseWorld]:
    """Yield the leases on this Redis server, or in memory when there is none."""
    if address is None:
        yield MemoryLeases()
        return
    host, _, port = address.partition(":")
    with Proxy((host, int(port))) as proxy:
        world = RedisLeases(proxy, host, int(port))
        yield world
        await world.close()
