"""The world of one history: Docker, the store, the leases, and the processes that share them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.adapters.in_memory.game_lease import Grant
from rtmanager.adapters.in_memory.leadership import Claim
from rtmanager.adapters.in_memory.state_directories import InMemoryStateDirectories
from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.adapters.in_memory.streams import InMemoryStreams
from rtmanager.domain.game_id import GameId
from tests.simulation.clocks import HostClock
from tests.simulation.faults import Faults
from tests.simulation.policy import add_images
from tests.simulation.process import Process
from tests.simulation.scheduler import Scheduler
from tests.simulation.truth import Truth
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.witness import Witness

K = TypeVar("K")
V = TypeVar("V")

SLOTS = 2


class Watched(dict[K, V]):
    """A dictionary that tells of every write, and of every removal, before it happens."""

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
class Universe:
    """Everything that outlives the service's processes, and the processes."""

    seed: int
    keeps_trace: bool = False
    supervised: bool = False
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = VirtualLoop()  # type: ignore[abstract] # it needs no sockets, no threads
        self.faults = Faults(self)
        self.scheduler = Scheduler(
            self.loop,
            Random(self.seed),  # noqa: S311 - a schedule, not a secret
            self.faults.strike,
            keeps_trace=self.keeps_trace,
        )
        self.docker = InMemoryDocker(clock=HostClock(self.loop))
        add_images(self.docker)
        self.streams = InMemoryStreams()
        self.truth = Truth(self.docker)
        self.lags = Random(f"lags {self.seed}")  # noqa: S311 - as above
        self.witness = Witness(self)
        self.grants: dict[GameId, Grant] = Watched(
            self.witness.leases.granted, self.witness.leases.released
        )
        self.store = InMemoryStore(
            runtime_records=Watched(self.witness.record_written),
            operations=Watched(self.witness.operation_written),
        )
        self.directories = InMemoryStateDirectories()
        self.claim = Claim()
        self.generations = 0
        self.processes: list[Process | None] = [None] * SLOTS
        for slot in range(SLOTS):
            self.boot(slot)

    def boot(self, slot: int) -> Process:
        """Start a new process; the caller lets it reconcile first."""
        self.generations += 1
        process = self.processes[slot] = Process(self, slot, self.generations)
        return process

    @property
    def live(self) -> list[Process]:
        """The processes that were not killed."""
        return [each for each in self.processes if each is not None]

    def end(self) -> None:
        """End every process, so that nothing of this history is left."""
        for process in self.live:
            process.kill()

    def violation(self, words: str) -> None:
        """Note that an invariant does not hold."""
        self.scheduler.note(f"VIOLATION: {words}")
        self.violations.append(words)

    def step(self) -> bool:
        """Let one task go on, then look at everything; False when all rests."""
        self.witness.before_step()
        went_on = self.scheduler.step()
        self.look()
        return went_on

    def look(self) -> None:
        """Hold the world as it is now to the invariants that must hold at every moment."""
        for game in self.truth.look(self.scheduler.steps):
            self.violation(f"two engines of {game} run: {self.truth.now(game)}")
        self.witness.after_step()
