"""Runs the events of a plan, each when the scheduler has made enough steps."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_events import ContainerEvent
from tests.simulation.events import Event, Plan
from tests.simulation.interference import Interference
from tests.simulation.node_faults import NodeFaults
from tests.simulation.process import Process
from tests.simulation.requests import Request
from tests.simulation.service_faults import DatabaseRestore, ProcessFaults, StoreFaults
from tests.simulation.triggers import Triggers

if TYPE_CHECKING:
    from tests.simulation.environment import Environment


Step = Callable[[], None]


class PlanRunner:
    """Holds the pending events: those of the plan, and those that they cause.

    Each kind of event is a method of this name, here or in one of its parts.
    """

    def __init__(self, environment: "Environment", plan: Plan) -> None:
        self._environment = environment
        self._order = count()
        self._pending: list[tuple[int, int, Step]] = []
        self._cycles: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self.requests: list[Request] = []
        self.processes = ProcessFaults(self, environment)
        self._triggers = Triggers(self, environment)
        self._owners = (
            *(self, self.processes, self._triggers, Interference(self, environment)),
            *(StoreFaults(self, environment), DatabaseRestore(self, environment)),
            NodeFaults(self, environment),
        )
        if environment.full:
            for process in environment.live:
                process.work(process.workers.serve())
        for event in plan:
            self._later(event.at, lambda event=event: self.happen(event.what, *event.args))  # type: ignore[misc]

    def is_done(self) -> bool:
        """Return whether no event is pending and every request has its answer."""
        return (
            not self._pending
            and not self._environment.leaving
            and all(each.is_answered for each in self.requests)
        )

    def run_due(self, *, rests: bool) -> bool:
        """Run the events that are due, or the next one if all `rests`. False when none is left."""
        self._triggers.fire()
        if not self._pending:
            return False
        scheduler = self._environment.scheduler
        if rests:
            scheduler.steps = max(scheduler.steps, self._pending[0][0])
        while self._pending and self._pending[0][0] <= scheduler.steps:
            heapq.heappop(self._pending)[2]()
            self._environment.check_invariants()
        return True

    def after(self, steps: int, words: str, happening: Step) -> None:
        """Run something `steps` steps from now."""

        def happen() -> None:
            self._environment.scheduler.note(f"** {words}")
            happening()

        self._later(self._environment.scheduler.steps + steps, happen)

    def happen(self, what: str, *args: Any) -> None:
        """Run an event now."""
        self._environment.scheduler.note(f"** {Event(0, what, args)}".replace("at 0: ", ""))
        found = next(getattr(owner, what) for owner in self._owners if hasattr(owner, what))
        cast("Callable[..., None]", found)(*args)
        self._environment.loop.run_ready()

    def request(self, slot: int, kind: str, game: str, image: str, source: str) -> None:
        """Send a request to the process in a slot, if it accepts any."""
        request = Request(self._environment, len(self.requests), kind, game, image, source)
        self.requests.append(request)
        process = self._environment.processes[slot]
        if process is not None and process.is_open:
            request.send(process)

    def disconnect(self, number: int) -> None:
        """Disconnect the caller of a request."""
        if number < len(self.requests):
            self.requests[number].disconnect()

    def cycle(self, slot: int, name: str) -> None:
        """Make a process run one of its cycles, as its workers would."""
        if self._environment.full:
            return  # the workers run their cycles themselves
        if name in {"probe", "inspect"}:
            slot = self.processes.leader
        if process := self._environment.processes[slot]:
            self.run_cycle(process, name)

    def run_cycle(self, process: Process, name: str) -> None:
        """Run the cycle unless it is already running."""
        running = self._cycles.get((process.name, name))
        if process.is_open and (running is None or running.done()):
            cycle = getattr(process.cycles, name).run
            self._cycles[process.name, name] = process.work(process.attempt(cycle()))

    def hint(self, slot: int, game: str, action: str) -> None:
        """Send a process a Docker event about a game."""
        process = self._environment.processes[slot]
        if process is not None and process.is_open:
            event = ContainerEvent(game, ContainerId("someone"), action, 0.0)
            record = process.cycles.record_event
            process.work(process.attempt(record.run(record.hint(event))))

    def lose(self, wanted: str, variety: int) -> None:
        """Lose the next call whose name contains `wanted`, or its reply."""
        self._environment.faults.fail_next(wanted, variety)

    def fate(self, wanted: str, fate: str, seconds: float) -> None:
        """Set the fate of the next changing call to Docker."""
        self._environment.faults.decide_next(wanted, fate, seconds)

    def refuse_all(self, call: str, steps: int, jump: float) -> None:
        """Let Docker refuse all calls of this name for a while."""
        faults = self._environment.faults
        faults.refuse_all(call)
        self.after(steps, f"{call} is accepted again", lambda: faults.refuse_no_more(call))
        self._environment.pass_time(jump)

    def cut(self, service: str, steps: int, jump: float) -> None:
        """Cut off a service for a while."""
        faults = self._environment.faults
        faults.cut(service)
        self.after(steps, f"{service} is back", lambda: faults.restore(service))
        self._environment.pass_time(jump)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._environment.pass_time(seconds)

    def clock(self, slot: int, seconds: float) -> None:
        """Let the clock of a process, of the lease store or of the host step."""
        environment = self._environment
        if slot == len(environment.processes):
            environment.host_clock.off_by += seconds
        elif process := environment.processes[slot]:
            process.clock_off_by += seconds

    def _later(self, at: int, happening: Step) -> None:
        heapq.heappush(self._pending, (at, next(self._order), happening))
