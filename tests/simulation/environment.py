"""The environment of one history: Docker, the store, the leases, and the processes on them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from rtmanager.adapters.in_memory.docker_world import NETWORK
from rtmanager.adapters.in_memory.game_lease import Grant, LeaseNumbers
from rtmanager.adapters.in_memory.leadership import Claim
from rtmanager.adapters.in_memory.state_directories import InMemoryStateDirectories
from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.adapters.in_memory.streams import InMemoryStreams
from rtmanager.adapters.in_memory.swarm_world import InMemorySwarm
from rtmanager.domain.errors import InternalError, RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.installation import Installation
from tests.simulation.events import Kind
from tests.simulation.faults import Faults
from tests.simulation.invariants import Invariants
from tests.simulation.platforms import DockerPlatform, Platform, SwarmPlatform
from tests.simulation.policy import INSTALLATION
from tests.simulation.process import Killed, Process
from tests.simulation.process_parts import PROCESS, HostClock
from tests.simulation.scheduler import Scheduler, VirtualLoop
from tests.simulation.tally import Tally
from tests.simulation.truth import Truth

K = TypeVar("K")
V = TypeVar("V")

SLOTS = 2
LONG_AGO = -1e9
SKEWS = (0.0, 0.0, 0.0, 2.0, 40.0)
"""Seconds that the clocks of two processes may differ by."""


class Watched(dict[K, V]):
    """A dictionary that reports every write and every removal before it happens."""

    def __init__(
        self,
        written: Callable[[K, V | None, V], None],
        removed: Callable[[K], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._written, self._removed = written, removed

    def __setitem__(self, key: K, value: V) -> None:
        self._written(key, self.get(key), value)
        super().__setitem__(key, value)

    def __delitem__(self, key: K) -> None:
        self._removed(key)
        super().__delitem__(key)


@dataclass
class Environment:
    """The processes of the service, and everything that outlives them.

    In a full one the processes run all their workers and streams by themselves. Games run on one
    Docker, or on the nodes of a Swarm.
    """

    seed: int
    keeps_trace: bool = False
    kind: Kind = Kind.PLAIN
    violations: list[str] = field(default_factory=list)
    flushed_at: float = LONG_AGO
    skew: float = field(init=False)

    def __post_init__(self) -> None:
        self.skew = Random(f"clocks {self.seed}").choice(SKEWS)  # noqa: S311 - as below
        self.loop = VirtualLoop()  # type: ignore[abstract] # it needs no sockets, no threads
        self.loop.on_end = self._check_end_of_task
        self.tally = Tally(self)
        self.faults = Faults(self)
        self.host_clock = HostClock(self.loop)
        self.platform: Platform = SwarmPlatform(self) if self.on_swarm else DockerPlatform(self)
        self.docker = self.platform.docker
        self.scheduler = Scheduler(
            self.loop,
            Random(self.seed),  # noqa: S311 - a schedule, not a secret
            self.faults.fault_of,
            lambda: self.docker.next_due,
            keeps_trace=self.keeps_trace,
        )
        self.streams = InMemoryStreams()
        self.invariants = Invariants(self)
        self.numbers = LeaseNumbers()
        self.grants: dict[GameId, Grant] = Watched(
            self.invariants.leases.granted, self.invariants.leases.released
        )
        self.store = InMemoryStore(
            runtime_records=Watched(self.invariants.record_written),
            operations=Watched(self.invariants.operation_written),
            holders=Watched(self.invariants.holder_written),
        )
        self.truth = Truth(self.docker, self.store)
        self.directories = InMemoryStateDirectories(clock=self.host_clock)
        self.installation = Installation(NETWORK, INSTALLATION)
        self.claim = Claim()
        self.generations = 0
        self.leaving: list[Process] = []
        self.processes: list[Process | None] = [None] * SLOTS
        for slot in range(SLOTS):
            self.boot(slot)

    @property
    def full(self) -> bool:
        """Return whether the processes run their workers."""
        return self.kind in {Kind.FULL, Kind.FULL_SWARM}

    @property
    def on_swarm(self) -> bool:
        """Return whether the games run on a Swarm."""
        return self.kind in {Kind.SWARM, Kind.FULL_SWARM}

    def draw_clock(self, generation: int) -> float:
        """Return how many seconds the clock of a new process is off by."""
        random = Random(f"clock {self.seed} {generation}")  # noqa: S311 - as above
        return self.skew * random.choice((-0.5, 0.5))

    def boot(self, slot: int) -> Process:
        """Start a new process; the caller makes it check the host and reconcile first."""
        self.generations += 1
        process = self.processes[slot] = Process(self, slot, self.generations)
        return process

    @property
    def swarm(self) -> InMemorySwarm:
        """The Swarm on which the games run."""
        assert isinstance(self.platform, SwarmPlatform)
        return self.platform.swarm

    @property
    def is_drained(self) -> bool:
        """Return whether an operator has drained a node in this history."""
        return self.on_swarm and self.tally.faults["drained", "a node with engines"] > 0

    @property
    def live(self) -> list[Process]:
        """The processes that were neither killed nor asked to shut down."""
        return [each for each in self.processes if each is not None]

    @property
    def alive(self) -> list[Process]:
        """The live processes, and those that are shutting down."""
        return [*self.live, *self.leaving]

    def end(self) -> None:
        """End every process, so that this history leaves nothing behind."""
        self.tally.pulls()
        for process in self.alive:
            process.kill()

    def violation(self, words: str) -> None:
        """Record that an invariant is violated."""
        self.scheduler.note(f"VIOLATION: {words}")
        self.violations.append(words)

    def step(self) -> bool:
        """Run one task to its next await, then check invariants; False when everything is idle."""
        self.invariants.before_step()
        went_on = self.scheduler.step()
        self.check_invariants()
        return went_on

    def pass_time(self, seconds: float) -> None:
        """Let time pass unconditionally, and observe what happens in Docker meanwhile."""
        until = self.loop.now + seconds
        while (due := self.docker.next_due) is not None and due < until:
            self.loop.advance_to(due)
            self.docker.catch_up()
            self.check_invariants()
        self.loop.advance_to(until)
        self.loop.run_ready()
        self.check_invariants()

    def check_invariants(self) -> None:
        """Check the invariants that must hold at every moment."""
        for words in self.truth.observe(self.scheduler.steps):
            self.violation(words)
        for words in self.platform.violations():
            self.violation(words)
        self.invariants.after_step()

    def _check_end_of_task(self, task: "asyncio.Task[Any]") -> None:
        """Check that tasks end only with errors that the service expects."""
        process = PROCESS.get(None)
        if process is not None and process.is_dead:
            return
        error = None if task.cancelled() else task.exception()
        is_defect = isinstance(error, InternalError) and error.__cause__ is not None
        if is_defect or not isinstance(error, RuntimeManagerError | Killed | None):
            cause = error.__cause__ if error else None
            self.violation(f"task {task.get_name()} ended with {error!r}, {cause!r}")
