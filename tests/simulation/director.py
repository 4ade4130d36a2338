"""Lets the events of a plan happen, each when the scheduler has come so far."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_events import ContainerEvent
from tests.simulation.plan import Event, Plan
from tests.simulation.process import Process
from tests.simulation.requests import Request
from tests.simulation.stream_director import StreamDirector

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

Happening = Callable[[], None]


class Director:
    """Knows what is still to happen: the plan, and what its events bring with them."""

    def __init__(self, universe: "Universe", plan: Plan) -> None:
        self._universe = universe
        self._order = count()
        self._pending: list[tuple[int, int, Happening]] = []
        self._cycles: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._leader = 0
        self.requests: list[Request] = []
        self.streams = StreamDirector(self, universe)
        if universe.supervised:
            for process in universe.live:
                process.spawn(process.workers.serve())
        for event in plan:
            self._later(event.at, lambda event=event: self._happen(event))  # type: ignore[misc]

    def is_done(self) -> bool:
        """Tell whether nothing is to happen any more and every request has its answer."""
        return not self._pending and all(each.is_answered for each in self.requests)

    def happen(self, *, rests: bool) -> bool:
        """Let happen what is due; when all `rests`, the next event is. False when none is left."""
        self.streams.spring()
        if not self._pending:
            return False
        scheduler = self._universe.scheduler
        if rests:
            scheduler.steps = max(scheduler.steps, self._pending[0][0])
        while self._pending and self._pending[0][0] <= scheduler.steps:
            heapq.heappop(self._pending)[2]()
            self._universe.look()
        return True

    def _later(self, at: int, happening: Happening) -> None:
        heapq.heappush(self._pending, (at, next(self._order), happening))

    def after(self, steps: int, words: str, happening: Happening) -> None:
        """Let something happen `steps` steps from now."""

        def happen() -> None:
            self._universe.scheduler.note(f"** {words}")
            happening()

        self._later(self._universe.scheduler.steps + steps, happen)

    def _happen(self, event: Event) -> None:
        self._universe.scheduler.note(f"** {event.what} {event.args}")
        happening = self._happening(event.what)
        happening(*event.args)
        self._universe.loop.run_ready()

    def _happening(self, what: str) -> Callable[..., None]:
        names = ((self.streams, what), (self, what), (self, f"_{what}"))
        found = next(getattr(owner, name) for owner, name in names if hasattr(owner, name))
        return cast("Callable[..., None]", found)

    def _request(self, slot: int, kind: str, game: str, image: str, source: str) -> None:
        request = Request(self._universe, len(self.requests), kind, game, image, source)
        self.requests.append(request)
        if process := self._universe.processes[slot]:
            request.send(process)

    def _disconnect(self, number: int) -> None:
        if number < len(self.requests):
            self.requests[number].disconnect()

    def _cycle(self, slot: int, name: str) -> None:
        if self._universe.supervised:
            return  # the workers run their cycles themselves
        if name in {"probe", "inspect"}:
            slot = self._leader
        if process := self._universe.processes[slot]:
            self._run_cycle(process, name)

    def _run_cycle(self, process: Process, name: str) -> None:
        running = self._cycles.get((process.name, name))
        if running is None or running.done():
            cycle = getattr(process.cycles, name).run
            self._cycles[process.name, name] = process.spawn(process.attempt(cycle()))

    def _hint(self, slot: int, game: str, action: str) -> None:
        if process := self._universe.processes[slot]:
            event = ContainerEvent(game, ContainerId("someone"), action, 0.0)
            process.spawn(process.attempt(process.cycles.record_event.run(event)))

    def _lose(self, wanted: str, variety: int) -> None:
        self._universe.faults.strike_next(wanted, variety)

    def _cut(self, service: str, steps: int, jump: float) -> None:
        self._universe.faults.cut(service)
        self.after(steps, f"{service} is back", lambda: self._universe.faults.restore(service))
        self._pass(jump)

    def kill(self, slot: int, steps: int, jump: float) -> None:
        """Kill the process of a slot; another one starts in its place some steps later."""
        process = self._universe.processes[slot]
        if process is None:
            return
        self._universe.processes[slot] = None
        process.kill()
        self._leader = 1 - slot if self._leader == slot else self._leader
        self.after(steps, f"a new process in slot {slot}", lambda: self._boot(slot))
        self._pass(jump)

    def _boot(self, slot: int) -> None:
        process = self._universe.boot(slot)
        if self._universe.supervised:
            process.spawn(process.workers.serve())
        else:
            self._run_cycle(process, "reconcile")

    def stall(self, slot: int, steps: int, jump: float) -> None:
        """Suspend the process of a slot; it wakes some steps later."""
        process = self._universe.processes[slot]
        if process is None or not process.is_awake:
            return
        process.stall()
        self.after(steps, f"{process.name} wakes", process.wake)
        self._pass(jump)

    def _pass(self, seconds: float) -> None:
        self._universe.loop.advance_to(self._universe.loop.now + seconds)
        self._universe.loop.run_ready()

    def _mishap(self, kind: str, pick: float) -> None:
        wanted = kind == "start"
        candidates = [
            each
            for each in self._universe.docker.containers.values()
            if each.is_running is not wanted or kind == "vanish"
        ]
        if candidates:
            self._befall(candidates[int(pick * len(candidates))], kind)

    def _befall(self, container: MemoryContainer, kind: str) -> None:
        docker = self._universe.docker
        match kind:
            case "crash" | "oom" | "kill" | "vanish":
                getattr(docker, kind)(container.id)
            case "start":
                if not container.image.behaviour.refuses_to_start:
                    self._universe.truth.by_strangers.add(container.id)
                    docker.run(container)
            case "mute":
                behaviour = replace(container.image.behaviour, healthy_after=None)
                container.image = replace(container.image, behaviour=behaviour)
            case "speak":
                behaviour = replace(container.image.behaviour, healthy_after=0.0)
                container.image = replace(container.image, behaviour=behaviour)
            case "ail":
                container.health = "unhealthy" if container.health is None else None
            case "restarts":
                container.restart_count += 1
