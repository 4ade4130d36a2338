"""What an operation's row says beside its outcome: health, downtime, last words."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from rtmanager.domain.completion import Completion
from rtmanager.domain.operation import ActionName, Outcome, Phase, Step, StepResult
from rtmanager.domain.operations.context import OperationContext


def details_of(context: OperationContext, completion: Completion) -> Mapping[str, object]:
    """Return the details of an operation that is about to be finished."""
    details = dict(completion.details)
    if context.gate is not None:
        details["healthy"] = context.gate.answered_at is not None
    if completion.outcome is Outcome.FAILURE and completion.cause and completion.cause.log_tail:
        details["log_tail"] = list(completion.cause.log_tail)
    if completion.cause and completion.cause.exit_code is not None:
        details["exit_code"] = completion.cause.exit_code
    if context.operation.lost:
        details["lost_processes"] = round(context.operation.lost, 2)
    downtime = _downtime(context, completion)
    if downtime is not None:
        details["downtime_ms"] = round(downtime / timedelta(milliseconds=1), 3)
    return details


def _downtime(context: OperationContext, completion: Completion) -> timedelta | None:
    """Return how long the endpoint was down, if it was this operation that took it down."""
    predecessor = context.operation.predecessor
    if predecessor is None or not predecessor.ran:
        return None
    of_it = [
        each
        for each in context.operation.steps
        if each.action.container_id == predecessor.container_id
    ]
    down = next((each for each in of_it if each.action.name is ActionName.STOP), None)
    if down is None:
        return None
    back = _is_back(context, completion, of_it)
    return back - down.started_at if back else None


def _is_back(
    context: OperationContext, completion: Completion, of_predecessor: list[Step]
) -> datetime | None:
    if completion.outcome is Outcome.SUCCESS:
        answered_at = context.gate.answered_at if context.gate else None
        return answered_at or completion.at
    revived = next((each for each in reversed(of_predecessor) if _has_revived(each)), None)
    if revived is None:
        return None
    return revived.started_at + timedelta(milliseconds=revived.duration_ms or 0.0)


def _has_revived(step: Step) -> bool:
    return (
        step.phase is Phase.BACK
        and step.action.name is ActionName.START
        and step.result is StepResult.DONE
    )
