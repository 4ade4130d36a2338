"""Watches the leases: one owner at a time, and nobody gives another's away."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.game_lease import Grant
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, LeaseNumber, Operation

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.process import Process


class LeaseWatch:
    """Knows who holds each lease and operation, and since when each process may judge."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._owners: dict[GameId, str] = {}
        self._holders: dict[Fence, tuple[str, LeaseNumber]] = {}
        self._highest: dict[GameId, LeaseNumber] = {}
        self._changed_hands: set[Fence] = set()
        self._granted: set[tuple[str, LeaseNumber]] = set()
        self._since: dict[tuple[str, GameId], int] = {}

    def granted(self, game_id: GameId, old: Grant | None, new: Grant) -> None:
        """Demand that nobody else has the lease."""
        if old is not None and not old.is_over(self._environment.loop.now):
            self._environment.violation(f"the lease of {game_id} was granted while another has it")
        self._owners[game_id] = self._process
        self._granted.add((self._process, new.number))
        self._since[self._process, game_id] = self._environment.scheduler.steps

    def released(self, game_id: GameId) -> None:
        """Demand that it is the owner who releases."""
        if self._owners.get(game_id) != self._process:
            words = f"{self._process} released a lease of {game_id} not its own"
            self._environment.violation(words)

    def held(self, fence: Fence, number: LeaseNumber) -> None:
        """Demand that an operation's holders have leases, with ever higher numbers."""
        if (self._process, number) not in self._granted:
            self._environment.violation(f"{self._process} holds operation {fence} without a lease")
        name, before = self._holders.get(fence, ("", LeaseNumber(0)))
        if number < before:
            words = f"operation {fence} went from {name} back to {self._process}"
            self._environment.violation(words)
        game_id = self._environment.store.operations[fence].game_id
        if number < self._highest.get(game_id, LeaseNumber(0)):
            words = f"{self._process} began or took over {fence} with an outnumbered lease"
            self._environment.violation(words)
        self._highest[game_id] = max(number, self._highest.get(game_id, number))
        if fence in self._holders:
            self._changed_hands.add(fence)
        if name not in {"", self._process}:
            lives = any(each.name == name for each in self._environment.alive)
            self._environment.tally.taken_over(from_the_living=lives)
        self._holders[fence] = self._process, number

    def written(self, fence: Fence) -> None:
        """Demand that it is its holder who writes an operation."""
        name, _ = self._holders.get(fence, (self._process, LeaseNumber(0)))
        if name != self._process:
            words = f"operation {fence} was written by {self._process}, but {name} holds it"
            self._environment.violation(words)

    def left(self, process: "Process", *, in_time: bool) -> None:
        """Demand that a process which ended in time has kept no lease."""
        if in_time and process.lease_connection.held:
            words = (
                f"{process.name} has gone and kept the leases of {process.lease_connection.held}"
            )
            self._environment.violation(words)

    def forget(self) -> None:
        """Forget who holds which operation: the database is another one."""
        for known in (self._holders, self._highest, self._changed_hands):
            known.clear()

    def is_sole(self, fence: Fence) -> bool:
        """Tell whether the process at work is the only one that ever held the operation."""
        name, _ = self._holders.get(fence, ("", 0))
        return name == self._process and fence not in self._changed_hands

    def operations_of(self, process: str) -> Iterator[Operation]:
        """Return the open operations that a process holds."""
        operations = self._environment.store.operations
        held = (fence for fence, (name, _) in self._holders.items() if name == process)
        return (operations[each] for each in held if operations[each].outcome is None)

    def since(self, game_id: GameId) -> int:
        """Return the step at which the process at work last got the game's lease."""
        return self._since.get((self._process, game_id), 0)

    @property
    def _process(self) -> str:
        running = self._environment.scheduler.running
        return running.name if running else ""
