"""Running work concurrently: bounded, detached from its caller, drained at shutdown."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rtmanager.domain.errors import RuntimeManagerError

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

SLICE = 200
"""Items of a long list after which others get their turn: a few milliseconds of work."""


@dataclass(slots=True)
class Results(Generic[R]):
    """The results in order, and a sentence per failure."""

    done: list[R] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


async def run_concurrently(
    items: Iterable[T], work: Callable[[T], Awaitable[R]], *, limit: int
) -> Results[R]:
    """Run `work` for every item, at most `limit` at a time; failures are logged and returned."""
    everything: Sequence[T] = list(items)
    ended: dict[int, R | Exception] = {}
    numbers = iter(range(len(everything)))

    async def run() -> None:
        for number in numbers:  # shared: each takes the next
            try:
                ended[number] = await work(everything[number])
            except Exception as error:  # noqa: BLE001 - logged below
                ended[number] = error

    # As many tasks as may run: one for each of a thousand items costs more than most work.
    runners = [run() for _ in range(min(limit, len(everything)))]
    for end in await asyncio.gather(*runners, return_exceptions=True):
        if end is not None:
            raise end
    return _sorted_out(everything, [ended[number] for number in range(len(everything))])


async def in_slices(items: Iterable[T], work: Callable[[T], R]) -> list[R]:
    """Return what the work makes of each item; others run after each slice of them."""
    made: list[R] = []
    for number, item in enumerate(items, 1):
        made.append(work(item))
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return made


def _sorted_out(items: Sequence[T], ended: Sequence[R | Exception]) -> Results[R]:
    results: Results[R] = Results()
    for item, end in zip(items, ended, strict=True):
        if not isinstance(end, Exception):
            results.done.append(end)
            continue
        results.failed.append(f"{item}: {end}")
        expected = isinstance(end, RuntimeManagerError)
        about = {"item": str(item), "error": str(end)}
        logger.warning("item_failed", extra=about, exc_info=None if expected else end)
    return results


class InFlight:
    """Runs operations detached from their callers, and waits for them at shutdown."""

    def __init__(self) -> None:
        """Start with nothing in flight."""
        self._tasks: dict[asyncio.Task[Any], str] = {}
        self._shared: dict[str, asyncio.Task[None]] = {}

    async def run(self, work: Coroutine[Any, Any, T], *, name: str, about: str = "") -> T:
        """Run `work`, which may be about something, to its end and return its result.

        A caller that is cancelled leaves the work running.
        """
        return await asyncio.shield(self._begin(work, name, about))

    async def ended(self, about: str, *, limit: float) -> None:
        """Wait up to `limit` seconds for the end of what runs now and is about this."""
        theirs = [task for task, what in self._tasks.items() if what == about]
        if theirs:
            await asyncio.wait(theirs, timeout=limit)

    def share(
        self, work: Callable[[], Coroutine[Any, Any, None]], *, name: str
    ) -> "asyncio.Task[None]":
        """Return the running task of this name, or start one."""
        running = self._shared.get(name)
        if running is None or running.done():
            running = self._shared[name] = self._begin(work(), name)
        return running

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109 - a deadline for all of them
        """Wait up to `timeout` seconds for running work; cancel the rest and return its count.

        A cancelled operation hands itself over. Work that starts during the drain is waited for
        too: a request may resume an earlier operation.
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

    def _begin(self, work: Coroutine[Any, Any, T], name: str, about: str = "") -> "asyncio.Task[T]":
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = about
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if self._shared.get(task.get_name()) is task:
            del self._shared[task.get_name()]
        if not task.cancelled():
            task.exception()  # retrieved here too, in case the caller is gone


class Renewal(Generic[T]):
    """Runs the same work when somebody asks: one run at a time, and one more that waits for it.

    Who asks gets a run that begins afterwards, shared with everyone who asks before it begins. Runs
    are not cancelled along with those who wait for them. `latest` is the run under way, if any: its
    result is not kept.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._next: asyncio.Task[T] | None = None
        self.latest: asyncio.Task[T] | None = None

    def begun_from_now(self) -> "asyncio.Task[T]":
        """Return the next run to begin."""
        if self._next is None:
            self._next = asyncio.create_task(self._run(after=self.latest), name="renewal")
        return self._next

    async def close(self) -> None:
        """End the run under way and the one that waits; nobody may ask any more."""
        tasks = [each for each in (self.latest, self._next) if each is not None]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, *, after: "asyncio.Task[T] | None") -> T:
        if after is not None:
            await asyncio.wait([after])
        self.latest, self._next = self._next, None
        try:
            return await self._work()
        finally:
            self.latest = None


def detached(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Start the work in a task with the caller's name, not cancelled along with the caller."""
    caller = asyncio.current_task()
    return asyncio.create_task(work, name=caller.get_name() if caller else None)


async def shielded(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work even if the caller is cancelled."""
    task = detached(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    task.result()
