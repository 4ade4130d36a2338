"""Watches the calls that change something in Docker: written down before, and nobody else's."""

import asyncio
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    INSTALLATION_LABEL,
    ContainerId,
    aside_name,
    container_name,
    parked_name,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import ActionName, Fence, Operation
from tests.simulation.policy import INSTALLATION

if TYPE_CHECKING:
    from tests.simulation.environment import Environment

_CALLS = {
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


class CallWatch:
    """Sees each call as it is sent."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._sent_for: dict[Fence, int] = {}

    def sent(self, call: str, container: str) -> None:
        """Judge a call by what the database and Docker are like when it is sent."""
        found = self._found(container)
        self._environment.invariants.oracle.sent(call, container, found)
        if found is not None:
            self._judge_owner(call, found)
            self._judge_company(call, found)
        if call != _AFTER_THE_OUTCOME:
            self._judge_intent(call, container, found)

    def _found(self, container: str) -> MemoryContainer | None:
        docker = self._environment.docker
        return docker.containers.get(ContainerId(container)) or docker.holder_of(container)

    def _judge_owner(self, call: str, found: MemoryContainer) -> None:
        """Demand that nobody touches what carries another installation's stamp."""
        if found.spec.labels.get(INSTALLATION_LABEL, INSTALLATION) != INSTALLATION:
            self._environment.violation(f"{call} of {found.name}, another installation's")

    def _judge_company(self, call: str, found: MemoryContainer) -> None:
        """Demand that no engine is started beside one that runs and must have been seen."""
        environment = self._environment
        if call != "start":
            return
        loop = environment.loop
        looked_at = environment.scheduler.looked.get(loop.number_of(asyncio.current_task(loop)), 0)
        game = environment.truth.game_of(found) or ""
        for other in environment.truth.running(game) - {found.id}:
            since = environment.truth.by_strangers.get(other, looked_at)
            if since < looked_at:
                environment.violation(f"{found.name} was started beside {other}, which runs")

    def _judge_intent(self, call: str, container: str, found: MemoryContainer | None) -> None:
        """Demand that what a sole holder sends is in flight in the database."""
        operation = self.operation_for(container, found)
        if operation is not None:
            self._sent_for[operation.id] = len(operation.steps)
        if operation is None or not self._environment.invariants.leases.is_sole(operation.id):
            return
        last = operation.steps[-1] if operation.steps else None
        if last is None or last.result is not None or _CALLS.get(last.action.name) != call:
            words = f"{call} of {container} was sent and not written down before"
            self._environment.violation(words)

    def must_know(self, operation: Operation) -> int:
        """Return how many steps must not be forgotten.

        A holder that lost the reply to what it wrote ahead, and then its lease, has not sent it.
        """
        steps = operation.steps
        is_unsent = self._sent_for.get(operation.id, 0) < len(steps)
        return len(steps) - bool(is_unsent and steps and steps[-1].result is None)

    def operation_for(self, container: str, found: MemoryContainer | None) -> Operation | None:
        """Return the open operation of the game whose container this is, or is to be."""
        known = found or self._environment.truth.seen.get(ContainerId(container))
        game = known.spec.labels.get(GAME_ID_LABEL) if known else None
        for each in self._environment.store.operations.values():
            is_of_game = container in _names_of(each) or (game and each.game_id == GameId(game))
            if each.outcome is None and is_of_game:
                return each
        return None


def _names_of(operation: Operation) -> set[str]:
    """Return every name by which an operation may call a container of its game."""
    game, fence = operation.game_id, operation.id
    return {container_name(game), parked_name(game, fence), aside_name(game, fence)}
