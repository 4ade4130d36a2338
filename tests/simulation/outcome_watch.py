"""Watches outcomes: at the moment an operation ends, Docker must be as the record says."""

from typing import TYPE_CHECKING

from rtmanager.domain.container import ContainerId, parked_name
from rtmanager.domain.operation import Fence, Operation, OperationKind, Outcome
from rtmanager.domain.runtime import RuntimeStatus
from tests.simulation.policy import GRACE

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

_REVIVE = {OperationKind.RESTART, OperationKind.PATCH}


class OutcomeWatch:
    """Judges each outcome by Docker, as far as nobody else can have changed it."""

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._undisturbed = self._calm = False
        self._ran_at_begin: dict[Fence, bool] = {}

    def expect(self, *, undisturbed: bool, calm: bool) -> None:
        """Tell what the plan leaves to the service alone."""
        self._undisturbed, self._calm = undisturbed, calm

    def begun(self, operation: Operation) -> None:
        """Remember whether the game ran when the operation began."""
        if operation.outcome is None:
            self._ran_at_begin[operation.id] = bool(self._running(operation))

    def finished(self, operation: Operation) -> None:
        """Judge an operation that was open until now."""
        if operation.id not in self._ran_at_begin:
            return
        self._judge_grace(operation)
        if self._undisturbed:
            self._judge_agreement(operation)
        ran = operation.kind in _REVIVE and self._ran_at_begin[operation.id]
        if self._calm and ran and not self._running(operation):
            self._wrong(operation, "left the game without an engine")

    def _judge_agreement(self, operation: Operation) -> None:
        record = self._universe.store.runtime_records.get(operation.game_id)
        runs = record is not None and record.status is RuntimeStatus.RUNNING
        expected = {record.current_container_id} if record is not None and runs else set()
        running = self._running(operation)
        if running != expected and not any(map(self._dies_by_itself, expected)):
            self._wrong(operation, f"says {record and record.status}, but {running} run")
        if operation.outcome is Outcome.FAILURE:
            self._judge_remains(operation)

    def _dies_by_itself(self, container_id: ContainerId | None) -> bool:
        """Tell whether the engine may have exited since the operation's last look."""
        container = self._universe.docker.containers.get(container_id or ContainerId(""))
        return container is not None and container.image.behaviour.exits_after is not None

    def _judge_remains(self, operation: Operation) -> None:
        """Demand that a failed operation leaves nothing of its own behind."""
        parked = parked_name(operation.game_id, operation.id)
        for each in self._universe.docker.containers.values():
            if each.name == parked or each.listed().fence == operation.id:
                self._wrong(operation, f"failed and left {each.name} behind")

    def _judge_grace(self, operation: Operation) -> None:
        """Demand that only containers are removed as stale that were there for a while."""
        if operation.kind is not OperationKind.RECONCILE_DISPOSE:
            return
        for step in operation.steps:
            born = self._universe.truth.born.get(step.note or "")
            if step.name == "remove_stale_container" and born is not None:
                age = self._universe.loop.now - born
                if age < GRACE:
                    self._wrong(operation, f"removed {step.note} after {age} s")

    def _running(self, operation: Operation) -> set[ContainerId]:
        shown = self._universe.truth.now(operation.game_id)
        return {each for each, _, runs in shown if runs}

    def _wrong(self, operation: Operation, words: str) -> None:
        self._universe.violation(
            f"operation {operation.id} ({operation.kind}, {operation.outcome}) {words}"
        )
