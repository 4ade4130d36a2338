"""A queue for starts, which are CPU-bound on the host: they wait here instead of in Docker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from rtmanager.domain.ports.container_host import DockerUnavailable


class StartQueue:
    """Lets a few starts through at a time, first come, first served.

    The time in the queue does not count against a start's deadline. When Docker does not answer a
    start, all starts queued at that time share one ping before their own; otherwise each in turn
    would wait for its whole deadline.
    """

    def __init__(self, places: int, ping: Callable[[], Awaitable[None]]) -> None:
        self._places = asyncio.Semaphore(places)
        self._ping = ping
        self._unanswered = 0
        self._shared_ping: asyncio.Future[None] | None = None

    @property
    def is_full(self) -> bool:
        """Return whether the next start would have to wait."""
        return self._places.locked()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it for the block, which is the start."""
        unanswered = self._unanswered
        async with self._places:
            if self._unanswered != unanswered:
                await self._check_docker()
            try:
                yield
            except DockerUnavailable:
                self._unanswered += 1
                self._shared_ping = None
                raise

    async def _check_docker(self) -> None:
        if self._shared_ping is None:
            self._shared_ping = asyncio.ensure_future(self._ping())
        await asyncio.shield(self._shared_ping)
