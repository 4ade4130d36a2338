"""The seeded scheduler: every await at a port parks its task here, and one goes on at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from tests.simulation.process import Process

TIME_PASSES = 0.08
"""How often time passes for a sleeper although others could go on: those were slow, then."""
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
        """Tell whether the scheduler may choose this task now."""
        return self.due <= now and self.process.is_awake and not self.wakeup.done()


Strike = Callable[[Parked], BaseException | None]


@dataclass(slots=True)
class Scheduler:
    """Chooses which parked task goes on, and lets virtual time pass when none can.

    `looked` has the step at which each task last began to look at a game's containers. `next_due`
    tells when something will happen in Docker by itself: time never passes beyond it
    unnoticed.
    """

    loop: VirtualLoop
    random: Random
    strike: Strike
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
        """Let one task go on to its next await; False when all rests until something new comes."""
        self.loop.run_ready()
        able = [each for each in self.parked if each.can_go_on(self.loop.now)]
        if not able or (self.calls_are_slow and self.random.random() < TIME_PASSES):
            passed = self._pass_time()
            # Who was cancelled by what the time brought goes no further.
            able = [each for each in able if not each.wakeup.done()]
            if not able:
                return passed
        # By birth: the order in which tasks park may depend on the hashes of objects.
        able.sort(key=lambda each: each.task)
        self._resume(able[int(self.random.random() * len(able))])
        return True

    def forget(self, process: "Process") -> list[Parked]:
        """Take a process's tasks off the list and return them."""
        theirs = [each for each in self.parked if each.process is process]
        self.parked = [each for each in self.parked if each.process is not process]
        return theirs

    def note(self, line: str) -> None:
        """Write a line of the history."""
        if self.keeps_trace:
            self.trace.append(f"{self.steps:5d} {self.loop.now:9.3f} s  {line}")

    def _resume(self, chosen: Parked) -> None:
        self.steps += 1
        self.loop.advance_to(self.loop.now + STEP_SECONDS)
        self.parked.remove(chosen)
        fault = self.strike(chosen)
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
