"""Operations that run to their end even when their caller has gone."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class InFlight:
    """Runs operations apart from their callers, and waits for them at shutdown."""

    def __init__(self) -> None:
        """Start with nothing in flight."""
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T], *, name: str) -> T:
        """Run `work` to its end and return its result.

        A caller that is cancelled leaves the work running.
        """
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109 - a deadline for all of them
        """Wait up to `timeout` seconds for what runs; cancel the rest and return how many."""
        if not self._tasks:
            return 0
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here too, for a caller that no longer listens
