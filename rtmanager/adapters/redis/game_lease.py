"""Game leases in Redis, renewed while they are held; first come, first served per process."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.lease_key import LeaseKey
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import LeaseNumber
from rtmanager.domain.ports.game_lease import NO_LEASE, LeaseBusy, LeaseLost

MIN_PAUSE = 0.01
MAX_PAUSE = 0.1

_logger = logging.getLogger(__name__)


class RedisGameLease:
    """A held lease, whose holder keeps `renew_for_ever` running."""

    def __init__(self, key: LeaseKey, number: LeaseNumber, *, taken_at: float) -> None:
        self._key = key
        self._number = number
        self._valid_until = taken_at + key.ttl
        self._is_lost = False

    @property
    def number(self) -> LeaseNumber:
        """The number drawn with the lease."""
        return self._number

    def check(self) -> None:
        """Raise LeaseLost unless the last successful renewal was sent less than a TTL ago."""
        if self._is_lost or time.monotonic() >= self._valid_until:
            raise LeaseLost

    def end(self) -> None:
        """Mark the lease as released: it passes no check and is no longer renewed.

        Cancelling the renewal is not enough: on Python 3.11 `asyncio.wait_for`, with which the
        driver sends, swallows a cancellation that arrives just as it finishes.
        """
        self._is_lost = True

    async def renew_for_ever(self) -> None:
        """Renew at a third of the TTL, more often after a failure, until lost or ended."""
        while not self._is_lost:
            in_time = time.monotonic() < self._valid_until - self._key.ttl / 2
            await asyncio.sleep(self._key.ttl / (3 if in_time else 12))
            await self._renew()

    async def _renew(self) -> None:
        # Counted from before the request was sent: the server counts from a later moment.
        sent_at = time.monotonic()
        try:
            if await self._key.renew():
                self._valid_until = sent_at + self._key.ttl
            elif not self._is_lost:
                self._is_lost = True
                _logger.warning("lease_lost", extra=self._key.fields())
        except ServiceUnavailable as error:
            _logger.warning("lease_not_renewed", extra=self._key.fields(error=str(error)))
        except Exception:
            # Nobody awaits this task while the lease is held: an error that ends it would be lost.
            _logger.exception("lease_not_renewed", extra=self._key.fields())


class RedisGameLeases:
    """Grants this process leases that exclude all processes on the same Redis."""

    def __init__(
        self, client: RedisClient, installation: Installation, *, ttl: float = 60.0
    ) -> None:
        self._client = client
        self._installation = installation
        self._ttl = ttl
        self._queues = GameQueues()
        self._releases: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def hold(
        self, game_id: GameId, *, wait: float, above: LeaseNumber = NO_LEASE
    ) -> AsyncIterator[RedisGameLease]:
        """Hold the game's lease for the block."""
        deadline = time.monotonic() + wait
        # Only one caller of this process at a time asks Redis, which does not queue them.
        async with self._queues.turn(game_id, wait=wait):
            key = LeaseKey(self._client, self._installation.id, game_id, self._ttl)
            lease = await self._take(key, above, deadline)
            renewal = asyncio.create_task(lease.renew_for_ever(), name=f"renew {key.name}")
            try:
                yield lease
            finally:
                lease.end()
                await _undisturbed(_end(renewal, key))

    async def ping(self) -> None:
        """Raise ServiceUnavailable when Redis does not answer."""
        await self._client.ping()

    async def close(self) -> None:
        """Wait for the running releases, each of which has a time limit."""
        await asyncio.gather(*self._releases)

    async def _take(self, key: LeaseKey, above: LeaseNumber, deadline: float) -> RedisGameLease:
        pause = MIN_PAUSE
        while True:
            # Counted from before the request was sent: the lease cannot have begun earlier.
            sent_at = time.monotonic()
            number = await self._try(key, above)
            if number is not None:
                return RedisGameLease(key, number, taken_at=sent_at)
            left = deadline - time.monotonic()
            if left <= 0:
                raise LeaseBusy
            await asyncio.sleep(min(left, pause * random.uniform(0.5, 1)))  # noqa: S311
            pause = min(2 * pause, MAX_PAUSE)

    async def _try(self, key: LeaseKey, above: LeaseNumber) -> LeaseNumber | None:
        try:
            return await key.take(above=above)
        except BaseException:
            # The lease may have been taken although no answer came. The caller need not wait for
            # its release.
            self._release_in_background(key)
            raise

    def _release_in_background(self, key: LeaseKey) -> None:
        release = asyncio.create_task(_release(key), name=f"release {key.name}")
        self._releases.add(release)
        release.add_done_callback(self._releases.discard)


async def _end(renewal: asyncio.Task[None], key: LeaseKey) -> None:
    renewal.cancel()
    await asyncio.wait([renewal])
    await _release(key)


async def _release(key: LeaseKey) -> None:
    try:
        await key.release()
    except Exception as error:  # noqa: BLE001 - leaving never raises; the key expires
        fields = key.fields(error=str(error), expires_within_seconds=key.ttl)
        _logger.warning("lease_not_released", extra=fields)


async def _undisturbed(work: Coroutine[object, object, None]) -> None:
    """Finish the work, then raise CancelledError if the task was cancelled in the meantime."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled


@dataclass
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    callers: int = 0


class GameQueues:
    """One fair lock per game for the callers of this process, kept only while it is in use."""

    def __init__(self) -> None:
        self._queues: dict[GameId, _Queue] = {}

    def __len__(self) -> int:
        return len(self._queues)

    @asynccontextmanager
    async def turn(self, game_id: GameId, *, wait: float) -> AsyncIterator[None]:
        """Hold the game's lock for the block; raises LeaseBusy when it is not free in time."""
        queue = self._queues.setdefault(game_id, _Queue())
        queue.callers += 1
        try:
            await _acquire(queue.lock, wait)
            try:
                yield
            finally:
                queue.lock.release()
        finally:
            queue.callers -= 1
            if not queue.callers:
                del self._queues[game_id]


async def _acquire(lock: asyncio.Lock, wait: float) -> None:
    try:
        async with asyncio.timeout(wait):
            await lock.acquire()
    except TimeoutError:
        raise LeaseBusy from None
