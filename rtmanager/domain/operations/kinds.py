"""The table of kinds: the rule and the decision of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import Cause, Operation, OperationKind, Phase
from rtmanager.domain.operations import (
    adopt_container,
    cleanup_container,
    dispose_container,
    patch_runtime,
    restart_runtime,
    start_runtime,
    stop_runtime,
)
from rtmanager.domain.operations.decision import Decision, TurnBack
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rollback import failed
from rtmanager.domain.operations.rule import Rule, go_on

MOST_LOST = 3
"""So many processes may die over one operation without any progress; then it is turned back."""

Decide = Callable[[Operation, Observation], Decision]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of operation; one that `replaces` puts a new container in the place of the old."""

    rule: Rule
    decide: Decide
    replaces: bool = False


KINDS: Mapping[OperationKind, Kind] = {
    OperationKind.START: Kind(start_runtime.rule, start_runtime.decide, replaces=True),
    OperationKind.STOP: Kind(stop_runtime.rule, stop_runtime.decide),
    OperationKind.RESTART: Kind(restart_runtime.rule, restart_runtime.decide, replaces=True),
    OperationKind.PATCH: Kind(patch_runtime.rule, patch_runtime.decide, replaces=True),
    OperationKind.CLEANUP_CONTAINER: Kind(cleanup_container.rule, cleanup_container.decide),
    OperationKind.RECONCILE_ADOPT: Kind(go_on, adopt_container.decide),
    OperationKind.RECONCILE_DISPOSE: Kind(go_on, dispose_container.decide),
    OperationKind.RECONCILE_OBSERVED_EXIT: Kind(go_on, dispose_container.observed),
}


def decide(operation: Operation, seen: Observation) -> Decision:
    """Return what is to be done next for the operation, by what is seen: the whole protocol.

    Pure: no I/O, no clock, no chance. An operation on which processes keep dying is turned back,
    and when that kills them too it ends with what is true.
    """
    if operation.phase is Phase.FORWARD and operation.lost >= MOST_LOST:
        return TurnBack(_killed_its_processes(operation))
    if operation.phase is Phase.BACK and operation.lost >= 2 * MOST_LOST:
        return failed(operation, seen)
    return KINDS[operation.kind].decide(operation, seen)


def _killed_its_processes(operation: Operation) -> Cause:
    last = operation.steps[-1].action.name if operation.steps else "its beginning"
    words = f"{operation.lost:.0f} processes died while they carried it out, the last one at {last}"
    return Cause(code=ErrorCode.INTERNAL_ERROR, message=words)
