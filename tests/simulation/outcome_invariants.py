"""Invariants of outcomes: when an operation ends, record and Docker agree."""

from collections import defaultdict
from typing import TYPE_CHECKING

from rtmanager.domain.container import ContainerId, parked_name
from rtmanager.domain.errors import ErrorCode, InternalError
from rtmanager.domain.operation import (
    ActionName,
    Fence,
    Operation,
    OperationKind,
    OpSource,
    Outcome,
)
from rtmanager.domain.operations.kinds import MAX_LOST
from rtmanager.domain.runtime import RuntimeStatus
from tests.simulation.events import NOTHING_SPECIAL, Expectation
from tests.simulation.policy import GRACE
from tests.simulation.triggers import was_refused_in_rollback

if TYPE_CHECKING:
    from tests.simulation.environment import Environment


_REVIVE = {OperationKind.RESTART, OperationKind.PATCH}
_DEFECT = InternalError().message
FAILURES_WITHIN = 300.0
MAX_FAILURES = 5
"""How often one process may fail to reconcile the same drift within 300 s: it backs off."""


class OutcomeInvariants:
    """Checks each outcome against Docker, as far as only the service can have changed it."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._expected: Expectation = NOTHING_SPECIAL
        self._ran_at_begin: dict[Fence, bool] = {}
        self._failures: dict[tuple[object, ...], list[float]] = defaultdict(list)

    def expect(self, expected: Expectation) -> None:
        """Set what may be expected of this history."""
        self._expected = expected

    def begun(self, operation: Operation) -> None:
        """Remember whether the game ran when the operation began; check that its fence is new."""
        if operation.outcome is None:
            self._ran_at_begin[operation.id] = bool(self._running(operation))
            highest = self._environment.truth.highest_fence()
            if operation.id <= highest:
                self._wrong(operation, f"has a fence that is not above {highest}")

    def finished(self, operation: Operation) -> None:
        """Check an operation that was open until now."""
        if operation.id not in self._ran_at_begin:
            return
        self._check_grace(operation)
        self._check_defects(operation)
        self._check_failure(operation)
        self._check_efforts(operation)
        self._check_exit(operation)
        if self._expected.immortal:
            self._check_gate(operation)
            self._check_surprises(operation)
        if self._expected.undisturbed and not was_refused_in_rollback(operation):
            self._check_agreement(operation)
        ran = operation.kind in _REVIVE and self._ran_at_begin[operation.id]
        if self._expected.calm and ran and not self._running(operation):
            self._wrong(operation, "left the game without an engine")

    def forget(self) -> None:
        """Forget what was open: the database was replaced."""
        self._ran_at_begin.clear()

    def lost(self, words: str) -> None:
        """Check that no engine is lost where only the service ends engines."""
        if self._expected.immortal:
            self._environment.violation(f"{words}: nobody but the service can have ended it")

    def _check_gate(self, operation: Operation) -> None:
        """Check that a patched engine answers if the one before it did."""
        record = self._environment.store.runtime_records.get(operation.game_id)
        is_patched = operation.kind is OperationKind.PATCH and operation.outcome is Outcome.SUCCESS
        before = operation.predecessor
        if not (is_patched and before and before.healthy and record):
            return
        docker = self._environment.docker
        engine = docker.containers.get(record.current_container_id or ContainerId(""))
        if engine is None or not engine.is_healthy(self._environment.loop.now):
            self._wrong(operation, "accepted an engine that does not answer")

    def _check_surprises(self, operation: Operation) -> None:
        """Check that no engine appears that nobody has started."""
        record = self._environment.store.runtime_records.get(operation.game_id)
        is_adoption = operation.kind is OperationKind.RECONCILE_ADOPT
        if is_adoption and record is not None and record.fence == operation.id:
            self._wrong(operation, "adopted an engine that nobody but the service can have started")

    def _check_failure(self, operation: Operation) -> None:
        """Check that a failure has a reason, and that only processes are counted that were lost."""
        was_lost = operation.lost >= MAX_LOST and operation.error_code is ErrorCode.INTERNAL_ERROR
        if operation.outcome is Outcome.FAILURE and self._expected.innocent and not was_lost:
            self._wrong(operation, f"failed although nothing was refused: {_why(operation)}")
        if operation.lost and self._expected.lossless:
            self._wrong(operation, f"counts {operation.lost} lost processes")

    def _check_defects(self, operation: Operation) -> None:
        """Check that only Docker's own errors or lost processes lead to `internal_error`."""
        if any(each.error == _DEFECT for each in operation.steps):
            self._wrong(operation, "met a defect")
        refused = (each.error_code for each in operation.steps)
        if operation.error_code is ErrorCode.INTERNAL_ERROR and not (
            operation.lost >= MAX_LOST or ErrorCode.INTERNAL_ERROR in refused
        ):
            self._wrong(operation, f"ended with internal_error: {operation.error_message}")

    def _check_agreement(self, operation: Operation) -> None:
        record = self._environment.store.runtime_records.get(operation.game_id)
        runs = record is not None and record.status is RuntimeStatus.RUNNING
        expected = {record.current_container_id} if record is not None and runs else set()
        running = self._running(operation)
        if running != expected and not any(map(self._dies_by_itself, expected)):
            self._wrong(operation, f"says {record and record.status}, but {running} run")
        if operation.outcome is Outcome.FAILURE:
            self._check_remains(operation)

    def _dies_by_itself(self, container_id: ContainerId | None) -> bool:
        """Return whether the engine may have exited since the operation last observed it."""
        container = self._environment.docker.containers.get(container_id or ContainerId(""))
        return container is not None and container.image.behaviour.exits_after is not None

    def _check_remains(self, operation: Operation) -> None:
        """Check that a failed operation leaves none of its containers behind."""
        if operation.lost >= 2 * MAX_LOST:
            return
        parked = parked_name(operation.game_id, operation.id)
        for each in self._environment.docker.containers.values():
            if each.name == parked or each.listed().fence == operation.id:
                self._wrong(operation, f"failed and left {each.name} behind")

    def _check_exit(self, operation: Operation) -> None:
        """Check that an engine which was lost with its node is not recorded as one that ended."""
        if operation.kind is OperationKind.RECONCILE_OBSERVED_EXIT and operation.outcome is (
            Outcome.SUCCESS
        ):
            record = self._environment.store.runtime_records.get(operation.game_id)
            container = record.current_container_id if record else None
            is_new = record is not None and record.fence == operation.id
            if is_new and container and self._environment.platform.was_interrupted(container):
                self._wrong(operation, "recorded an engine as ended that was lost with its node")

    def _check_grace(self, operation: Operation) -> None:
        """Check that a container is only removed as stale after its grace period."""
        if operation.kind is not OperationKind.RECONCILE_DISPOSE or self._expected.clocks_step:
            return
        for step in operation.steps:
            born = self._environment.truth.born.get(step.action.container_id or ContainerId(""))
            if step.action.name is ActionName.REMOVE and born is not None:
                age = self._environment.loop.now - born
                if age < GRACE - self._environment.skew:
                    self._wrong(operation, f"removed {step.action.container_id} after {age} s")

    def _check_efforts(self, operation: Operation) -> None:
        """Check that what keeps failing is tried less and less often."""
        request, running = operation.request, self._environment.scheduler.running
        if request.origin.source is not OpSource.AUTO_RECONCILE:
            return
        if operation.outcome is not Outcome.FAILURE:
            return
        key = running, request.game_id, request.kind, request.container_id
        now = self._environment.loop.now
        recent = [each for each in self._failures[key] if each > now - FAILURES_WITHIN]
        self._failures[key] = [*recent, now]
        if len(recent) >= MAX_FAILURES:
            self._wrong(operation, f"is failure number {len(recent) + 1} within 300 s")

    def _running(self, operation: Operation) -> set[ContainerId]:
        return self._environment.truth.running(operation.game_id)

    def _wrong(self, operation: Operation, words: str) -> None:
        self._environment.violation(
            f"operation {operation.id} ({operation.kind}, {operation.outcome}) {words}"
        )


def _why(operation: Operation) -> str:
    return f"{operation.error_code}: {operation.error_message}"
