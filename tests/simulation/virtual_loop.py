"""A minimal asyncio event loop: a ready queue and virtual time, nothing of the real world."""

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import Context
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs callbacks in the order in which they became ready; time moves only when it is told to.

    It has no selector, no threads and no signals, so nothing can come from outside.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.on_end: Callable[[asyncio.Task[Any]], None] | None = None
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()
        self._births: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Be the running loop of this thread for the block."""
        before = events._get_running_loop()  # noqa: SLF001 - the tests' own loop may be around us
        events._set_running_loop(self)  # noqa: SLF001 - as above
        try:
            yield
        finally:
            events._set_running_loop(before)  # noqa: SLF001 - as above

    def run_ready(self) -> None:
        """Run until nothing is ready at this moment."""
        while self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 - what every event loop does

    def advance_to(self, moment: float) -> None:
        """Move time forward and make ready what was due by then."""
        self.now = max(self.now, moment)
        while self._timers and self._timers[0][0] <= self.now:
            self._ready.append(heapq.heappop(self._timers)[2])

    def next_timer(self) -> float | None:
        """Return when the next timer is due."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    # What asyncio asks of its loop.

    def time(self) -> float:
        """Return the virtual moment."""
        return self.now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self, name=name, context=context)
        self._births[task] = next(self._numbers)
        if self.on_end is not None:
            task.add_done_callback(self.on_end, context=context)
        return task

    def number_of(self, task: "asyncio.Task[Any] | None") -> int:
        """Return a number that tells the tasks of this loop apart, by their order of birth."""
        return self._births[task] if task is not None else -1

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Stay silent: what a killed process leaves behind is nobody's to retrieve."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: cancelled timers are passed over."""
