"""Starts are CPU-bound on the host: they are queued here, not in Docker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from rtmanager.domain.ports.container_host import DockerUnavailable


class StartQueue:
    """Lets a few starts through at a time, in the order of their arrival.

    The time in the queue does not count against a start's deadline. So that a Docker that went
    away does not hold a long queue for one deadline after the other, those who were queued when a
    start was not answered share one look at whether Docker is still there.
    """

    def __init__(self, places: int, ping: Callable[[], Awaitable[None]]) -> None:
        self._places = asyncio.Semaphore(places)
        self._ping = ping
        self._unanswered = 0
        self._look: asyncio.Future[None] | None = None

    @property
    def is_full(self) -> bool:
        """Tell whether the next start would have to wait."""
        return self._places.locked()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, and have it for the block, which is the start."""
        unanswered = self._unanswered
        async with self._places:
            if self._unanswered != unanswered:
                await self._check_docker()
            try:
                yield
            except DockerUnavailable:
                self._unanswered += 1
                self._look = None
                raise

    async def _check_docker(self) -> None:
        if self._look is None:
            self._look = asyncio.ensure_future(self._ping())
        await asyncio.shield(self._look)
