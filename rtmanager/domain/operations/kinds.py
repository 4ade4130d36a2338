"""The table of operation kinds: the rule and the decision of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import Cause, Operation, OperationKind, Phase
from rtmanager.domain.operations import (
    cleanup_container,
    patch_runtime,
    reconcile_runtime,
    restart_runtime,
    start_runtime,
    stop_runtime,
)
from rtmanager.domain.operations.decision import Decision, RollBack, Rule, always_admit
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rollback import failed

MAX_LOST = 3
"""An operation that has lost this many processes without progress is rolled back."""

Decide = Callable[[Operation, Observation], Decision]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of operation.

    One that `replaces` replaces the container with a new one. The rule of one that `needs_engine`
    asks whether the engine of a running game runs. One that `needs_record` may be refused, or have
    nothing to do, by the record alone.
    """

    rule: Rule
    decide: Decide
    replaces: bool = False
    needs_engine: bool = False
    needs_record: bool = False


KINDS: Mapping[OperationKind, Kind] = {
    OperationKind.START: Kind(start_runtime.rule, start_runtime.decide, replaces=True),
    OperationKind.STOP: Kind(
        stop_runtime.rule, stop_runtime.decide, needs_engine=True, needs_record=True
    ),
    OperationKind.RESTART: Kind(
        restart_runtime.rule, restart_runtime.decide, replaces=True, needs_record=True
    ),
    OperationKind.PATCH: Kind(
        patch_runtime.rule, patch_runtime.decide, replaces=True, needs_record=True
    ),
    OperationKind.CLEANUP_CONTAINER: Kind(
        cleanup_container.rule, cleanup_container.decide, needs_record=True
    ),
    OperationKind.RECONCILE_ADOPT: Kind(always_admit, reconcile_runtime.adopt),
    OperationKind.RECONCILE_DISPOSE: Kind(always_admit, reconcile_runtime.dispose),
    OperationKind.RECONCILE_OBSERVED_EXIT: Kind(always_admit, reconcile_runtime.observed_exit),
}


def decide(operation: Operation, seen: Observation) -> Decision:
    """Return the next action, a rollback, or the completion, from what was observed.

    Pure: no I/O, no clock, no randomness. An operation that keeps losing its process is rolled
    back; if the rollback does so too, it fails with the record as it was observed.
    """
    if operation.phase is Phase.FORWARD and operation.lost >= MAX_LOST:
        return RollBack(_killed_its_processes(operation))
    if operation.phase is Phase.BACK and operation.lost >= 2 * MAX_LOST:
        return failed(operation, seen)
    return KINDS[operation.kind].decide(operation, seen)


def _killed_its_processes(operation: Operation) -> Cause:
    last = operation.steps[-1].action.name if operation.steps else "its start"
    words = f"{operation.lost:.0f} processes died while running it, the last one during {last}"
    return Cause(code=ErrorCode.INTERNAL_ERROR, message=words)
