"""Only holders act: invariants of leases, of operations and of the calls that change Docker."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.game_lease import Grant
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    INSTALLATION_LABEL,
    ContainerId,
    aside_name,
    container_name,
    parked_name,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import ActionName, Fence, LeaseNumber, Operation
from tests.simulation.policy import INSTALLATION

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.process import Process


class LeaseInvariants:
    """Tracks who holds each lease and operation, and since when each process may act."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._owners: dict[GameId, str] = {}
        self._holders: dict[Fence, tuple[str, LeaseNumber]] = {}
        self._highest: dict[GameId, LeaseNumber] = {}
        self._changed_hands: set[Fence] = set()
        self._granted: set[tuple[str, LeaseNumber]] = set()
        self._since: dict[tuple[str, GameId], int] = {}

    def granted(self, game_id: GameId, old: Grant | None, new: Grant) -> None:
        """Check that nobody else has the lease."""
        if old is not None and not old.is_over(self._environment.loop.now):
            self._environment.violation(f"the lease of {game_id} was granted while another has it")
        self._owners[game_id] = self._process
        self._granted.add((self._process, new.number))
        self._since[self._process, game_id] = self._environment.scheduler.steps

    def released(self, game_id: GameId) -> None:
        """Check that the owner releases it."""
        if self._owners.get(game_id) != self._process:
            words = f"{self._process} released a lease of {game_id} not its own"
            self._environment.violation(words)

    def held(self, fence: Fence, number: LeaseNumber) -> None:
        """Check that an operation's holders have leases, with ever higher numbers."""
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
        """Check that an operation is written by its holder."""
        name, _ = self._holders.get(fence, (self._process, LeaseNumber(0)))
        if name != self._process:
            words = f"operation {fence} was written by {self._process}, but {name} holds it"
            self._environment.violation(words)

    def left(self, process: "Process", *, in_time: bool) -> None:
        """Check that a process which ended in time has kept no lease."""
        if in_time and process.lease_connection.held:
            words = f"{process.name} ended and kept the leases of {process.lease_connection.held}"
            self._environment.violation(words)

    def forget(self) -> None:
        """Forget who holds which operation: the database was replaced."""
        for known in (self._holders, self._highest, self._changed_hands):
            known.clear()

    def is_sole(self, fence: Fence) -> bool:
        """Return whether the running process is the only one that ever held the operation."""
        name, _ = self._holders.get(fence, ("", 0))
        return name == self._process and fence not in self._changed_hands

    def operations_of(self, process: str) -> Iterator[Operation]:
        """Return the open operations that a process holds."""
        operations = self._environment.store.operations
        held = (fence for fence, (name, _) in self._holders.items() if name == process)
        return (operations[each] for each in held if operations[each].outcome is None)

    def since(self, game_id: GameId) -> int:
        """Return the step at which the running process last got the game's lease."""
        return self._since.get((self._process, game_id), 0)

    @property
    def _process(self) -> str:
        running = self._environment.scheduler.running
        return running.name if running else ""


CALLS = {
    ActionName.PARK: "rename",
    ActionName.UNPARK: "rename",
    ActionName.SET_ASIDE: "rename",
    ActionName.STOP: "stop",
    ActionName.START: "start",
    ActionName.CREATE: "create",
    ActionName.OBTAIN_IMAGE: "pull",
    ActionName.REMOVE: "remove",
}
_AFTER_THE_OUTCOME = "remove"


class CallInvariants:
    """Checks each call as it is sent."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._sent_for: dict[Fence, int] = {}

    def sent(self, call: str, container: str) -> None:
        """Check a call against the database and Docker at the moment when it is sent."""
        found = self._found(container)
        self._environment.invariants.oracle.sent(call, container, found)
        if found is not None:
            self._check_owner(call, found)
            self._check_company(call, found)
        if call != _AFTER_THE_OUTCOME:
            self._check_intent(call, container, found)

    def _found(self, container: str) -> MemoryContainer | None:
        docker = self._environment.docker
        return docker.containers.get(ContainerId(container)) or docker.holder_of(container)

    def _check_owner(self, call: str, found: MemoryContainer) -> None:
        """Check that nobody touches a container with another installation's stamp."""
        if found.spec.labels.get(INSTALLATION_LABEL, INSTALLATION) != INSTALLATION:
            self._environment.violation(f"{call} of {found.name}, another installation's")

    def _check_company(self, call: str, found: MemoryContainer) -> None:
        """Check that no engine is started while the caller must know that another one runs."""
        environment = self._environment
        if call != "start":
            return
        loop = environment.loop
        looked_at = environment.scheduler.looked.get(loop.number_of(asyncio.current_task(loop)), 0)
        game = environment.truth.game_of(found) or ""
        for other in environment.truth.running(game) - {found.id}:
            since = environment.truth.started_by_others.get(other, looked_at)
            if since < looked_at:
                environment.violation(f"{found.name} was started while {other} runs")

    def _check_intent(self, call: str, container: str, found: MemoryContainer | None) -> None:
        """Check that what a sole holder sends is in flight in the database."""
        operation = self.operation_for(container, found)
        if operation is not None:
            self._sent_for[operation.id] = len(operation.steps)
        if operation is None or not self._environment.invariants.leases.is_sole(operation.id):
            return
        last = operation.steps[-1] if operation.steps else None
        if last is None or last.result is not None or CALLS.get(last.action.name) != call:
            words = f"{call} of {container} was sent without being written ahead"
            self._environment.violation(words)

    def must_know(self, operation: Operation) -> int:
        """Return how many steps must not be forgotten.

        A holder that lost the reply to its write-ahead, and then its lease, has not sent the call.
        """
        steps = operation.steps
        is_unsent = self._sent_for.get(operation.id, 0) < len(steps)
        return len(steps) - bool(is_unsent and steps and steps[-1].result is None)

    def operation_for(self, container: str, found: MemoryContainer | None) -> Operation | None:
        """Return the open operation of the game to which this container belongs, or will belong."""
        known = found or self._environment.truth.seen.get(ContainerId(container))
        game = known.spec.labels.get(GAME_ID_LABEL) if known else None
        for each in self._environment.store.operations.values():
            is_of_game = container in _names_of(each) or (game and each.game_id == GameId(game))
            if each.outcome is None and is_of_game:
                return each
        return None


def _names_of(operation: Operation) -> set[str]:
    """Return every name that an operation may give to a container of its game."""
    game, fence = operation.game_id, operation.id
    return {container_name(game), parked_name(game, fence), aside_name(game, fence)}
