"""Operations that run to their end even when their caller has gone."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class InFlight:
    """Runs operations apart from their callers, and waits for them at shutdown."""

    def __init__(self) -> None:
        """Start with nothing in flight."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._shared: dict[str, asyncio.Task[None]] = {}

    async def run(self, work: Coroutine[Any, Any, T], *, name: str) -> T:
        """Run `work` to its end and return its result.

        A caller that is cancelled leaves the work running.
        """
        return await asyncio.shield(self._begin(work, name))

    def share(
        self, work: Callable[[], Coroutine[Any, Any, None]], *, name: str
    ) -> "asyncio.Task[None]":
        """Return the task of this name that runs already, or begin it."""
        running = self._shared.get(name)
        if running is None or running.done():
            running = self._shared[name] = self._begin(work(), name)
        return running

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109 - a deadline for all of them
        """Wait up to `timeout` seconds for what runs; cancel the rest and return how many.

        What is cancelled hands over what it was at. What begins meanwhile is waited for, too: a
        request may set an earlier operation going.
        """
        loop, cut = asyncio.get_running_loop(), 0
        deadline = loop.time() + timeout
        while self._tasks:
            left = max(0.0, deadline - loop.time())
            _, late = await asyncio.wait(self._tasks, timeout=left)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            cut += len(late)
        return cut

    def _begin(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if self._shared.get(task.get_name()) is task:
            del self._shared[task.get_name()]
        if not task.cancelled():
            task.exception()  # retrieved here too, for a caller that no longer listens


def beside(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Begin the work in a task of its own, which has the caller's name and not its cancellation."""
    caller = asyncio.current_task()
    return asyncio.create_task(work, name=caller.get_name() if caller else None)


async def undisturbed(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work in a task of its own, which a cancellation of the caller does not reach."""
    task = beside(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    task.result()
