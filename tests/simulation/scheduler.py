"""Virtual time, and the seeded scheduler: each call to a port parks its task until it is chosen."""

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from tests.simulation.process import Process


T = TypeVar("T")


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs callbacks in the order in which they became ready; time only moves when it is advanced.

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
        """Return the task's number among those of this loop, in their order of creation."""
        return self._births[task] if task is not None else -1

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Stay silent: nobody retrieves the exceptions that a killed process leaves behind."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: cancelled timers are skipped."""


TIME_PASSES = 0.08
"""How often time passes for a sleeper although other tasks could run: those are slow, then."""
STEP_SECONDS = 0.001


@dataclass(slots=True, eq=False)
class Parked:
    """A task that waits at a port, or sleeps until `due`."""

    task: int
    call: str
    process: "Process"
    due: float
    wakeup: asyncio.Future[None]

    def can_go_on(self, now: float) -> bool:
        """Return whether the scheduler may choose this task now."""
        return self.due <= now and self.process.is_awake and not self.wakeup.done()


FaultOf = Callable[[Parked], BaseException | None]
"""Returns the fault that the chosen call meets, if it meets one."""


@dataclass(slots=True)
class Scheduler:
    """Chooses which parked task runs next, and lets virtual time pass when none can.

    `looked` is the step at which each task last began to observe a game's containers. `next_due`
    returns when something will happen in Docker without a call: time never jumps past that moment.
    """

    loop: VirtualLoop
    random: Random
    fault_of: FaultOf
    next_due: Callable[[], float | None]
    keeps_trace: bool = False
    steps: int = 0
    parked: list[Parked] = field(default_factory=list)
    calls_are_slow: bool = True
    running: "Process | None" = None
    trace: list[str] = field(default_factory=list)
    looked: dict[int, int] = field(default_factory=dict)

    async def park(self, process: "Process", call: str, due: float = 0.0) -> None:
        """Wait until the scheduler chooses this task; raises the fault that it meets."""
        task = self.loop.number_of(asyncio.current_task(self.loop))
        parked = Parked(task, call, process, due, self.loop.create_future())
        self.parked.append(parked)
        try:
            await parked.wakeup
        except asyncio.CancelledError:
            self.parked = [each for each in self.parked if each is not parked]
            raise

    def step(self) -> bool:
        """Run one task to its next await; False when all are idle until something new happens."""
        self.loop.run_ready()
        able = [each for each in self.parked if each.can_go_on(self.loop.now)]
        if not able or (self.calls_are_slow and self.random.random() < TIME_PASSES):
            passed = self._pass_time()
            # A task that was cancelled by something that became due does not run.
            able = [each for each in able if not each.wakeup.done()]
            if not able:
                return passed
        # By creation: the order in which tasks park may depend on the hashes of objects.
        able.sort(key=lambda each: each.task)
        self._resume(able[int(self.random.random() * len(able))])
        return True

    def forget(self, process: "Process") -> list[Parked]:
        """Remove a process's tasks from the list and return them."""
        theirs = [each for each in self.parked if each.process is process]
        self.parked = [each for each in self.parked if each.process is not process]
        return theirs

    def note(self, line: str) -> None:
        """Add a line to the trace of the history."""
        if self.keeps_trace:
            self.trace.append(f"{self.steps:5d} {self.loop.now:9.3f} s  {line}")

    def _resume(self, chosen: Parked) -> None:
        self.steps += 1
        self.loop.advance_to(self.loop.now + STEP_SECONDS)
        self.parked.remove(chosen)
        fault = self.fault_of(chosen)
        self.running = chosen.process
        if chosen.call == "host.named":
            self.looked[chosen.task] = self.steps
        if self.keeps_trace:
            words = f" !! {type(fault).__name__}" if fault else ""
            self.note(f"{chosen.process.name} {chosen.call}{words}")
        if fault is None:
            chosen.wakeup.set_result(None)
        else:
            chosen.wakeup.set_exception(fault)
        self.loop.run_ready()
        self.running = None

    def _pass_time(self) -> bool:
        dues = [each.due for each in self.parked if self._sleeps(each)]
        timer = self.loop.next_timer()
        if timer is not None:
            dues.append(timer)
        if not dues:
            return False
        if (due := self.next_due()) is not None:
            dues.append(due)
        self.loop.advance_to(min(dues))
        self.loop.run_ready()
        return True

    def _sleeps(self, parked: Parked) -> bool:
        return parked.due > self.loop.now and parked.process.is_awake and not parked.wakeup.done()
