"""The callers of this process that want the same game, in their order of arrival."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.game_lease import LeaseBusy


@dataclass
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    callers: int = 0


class GameQueues:
    """One fair lock per game, kept only while somebody wants it."""

    def __init__(self) -> None:
        self._queues: dict[GameId, _Queue] = {}

    def __len__(self) -> int:
        return len(self._queues)

    @asynccontextmanager
    async def turn(self, game_id: GameId, *, wait: float) -> AsyncIterator[None]:
        """Have the game for the block; raises LeaseBusy when it is not our turn in time."""
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
