"""What is reported about an operation: its log line and the details of its row."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import ErrorCode, RuntimeManagerError
from rtmanager.domain.health import HealthObservation
from rtmanager.domain.insight.engine_exit import DETAIL as EXIT
from rtmanager.domain.insight.engine_exit import EngineExit, failed_exit
from rtmanager.domain.operation import (
    ActionName,
    OperationRequest,
    Outcome,
    Phase,
    Step,
    StepResult,
)
from rtmanager.domain.operations.observer import OperationContext
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.operation_journal import Begun, JobAlreadyRecorded, OperationStillOpen

logger = logging.getLogger(__name__)

LogFields = dict[str, object]

_NO_OUTCOME = (JobAlreadyRecorded, OperationStillOpen)
"""The request has its outcome already, or will be tried again: nothing has finished."""


def log_fields(request: OperationRequest) -> LogFields:
    """Return the fields of every log line about this request."""
    fields: LogFields = {
        "game_id": request.game_id,
        "kind": request.kind,
        "source": request.origin.source,
        "source_ref": request.origin.source_ref,
    }
    asked_for = {"image_ref": request.image_ref, "reason": request.reason}
    return fields | {name: value for name, value in asked_for.items() if value is not None}


@contextmanager
def logged_operation(
    request: OperationRequest, clock: Clock, *, since: float | None = None
) -> Iterator[LogFields]:
    """Log one line when the block ends, with or without an error; the block adds fields.

    Its duration counts from `since`, when the request arrived. If the block was cut off by a
    shutdown or failed unexpectedly, there is no outcome. Nothing is logged if nothing has finished.
    """
    line, began = log_fields(request), clock.monotonic() if since is None else since
    has_finished = True
    try:
        yield line
        line.setdefault("outcome", Outcome.SUCCESS)
    except RuntimeManagerError as error:
        has_finished = not isinstance(error, _NO_OUTCOME)
        error.is_logged = has_finished
        line |= failure_fields(error)
        raise
    finally:
        line["duration_ms"] = round((clock.monotonic() - began) * 1000, 3)
        if has_finished:
            logger.log(_level_of(line), "operation_finished", extra=line)


def _level_of(line: LogFields) -> int:
    """Return error for a bug of ours, warning for any other failure and for no outcome at all.

    A success that leaves an engine without an answer, or had to kill one, is a warning too.
    """
    if line.get("outcome") == Outcome.SUCCESS:
        is_doubtful = line.get("healthy") is False or "killed_after_grace" in line
        return logging.WARNING if is_doubtful else logging.INFO
    return logging.ERROR if line.get("error_code") == ErrorCode.INTERNAL_ERROR else logging.WARNING


def failure_fields(error: RuntimeManagerError) -> LogFields:
    """Return the fields of a failure, with what is kept from its caller."""
    fields: LogFields = {
        "outcome": Outcome.FAILURE,
        "error_code": error.code,
        "error": error.message,
    }
    return fields | {"error_detail": error.detail} if error.detail else fields


def log_started(line: LogFields) -> None:
    """Log that an operation has begun, which may take minutes, with the fields known so far."""
    logger.info("operation_started", extra=dict(line))


def add_operation(line: LogFields, begun: Begun) -> None:
    """Add the fields of the operation, and the image that it concerns."""
    operation, record = begun.operation, begun.record
    line["operation_id"] = operation.id
    if record is not None and record.current_image_ref is not None:
        line.setdefault("image_ref", record.current_image_ref)
    if operation.error_code is not None:
        line["error_code"] = operation.error_code


def add_engines(line: LogFields, completion: Completion) -> None:
    """Add how the engine ended that ran before, and what the new one has answered."""
    ended = completion.details.get(EXIT)
    if isinstance(ended, Mapping) and ended.get("exit_code") is not None:
        line["exit_code"] = ended["exit_code"]
        if ended.get("is_overdue"):
            line["killed_after_grace"] = True
    if "downtime_ms" in completion.details:
        line["downtime_ms"] = completion.details["downtime_ms"]
    if completion.outcome is Outcome.SUCCESS and completion.observation is not None:
        line["healthy"] = completion.observation.healthy
        if completion.observation.error:
            line["health_error"] = completion.observation.error


def details_of(
    context: OperationContext, completion: Completion, ended: EngineExit | None = None
) -> Mapping[str, object]:
    """Return the details for the row of an operation that is about to finish.

    `ended` is how the engine ended that ran before.
    """
    details = dict(completion.details)
    if context.gate is not None:
        details["healthy"] = context.gate.answered_at is not None
    if completion.cause and completion.cause.detail:
        details["error_detail"] = completion.cause.detail
    if completion.outcome is Outcome.FAILURE and completion.cause and completion.cause.log_tail:
        details["log_tail"] = list(completion.cause.log_tail)
    if completion.cause and completion.cause.exit_code is not None:
        details["exit_code"] = completion.cause.exit_code
    if completion.outcome is Outcome.FAILURE:
        ended = failed_exit(context.operation) or ended
    if ended is not None:
        details[EXIT] = ended.details
    if context.operation.lost:
        details["lost_processes"] = round(context.operation.lost, 2)
    downtime = _downtime(context, completion)
    if downtime is not None:
        details["downtime_ms"] = round(downtime / timedelta(milliseconds=1), 3)
    return details


def observation_of(context: OperationContext, completion: Completion) -> HealthObservation | None:
    """Return what the engine that runs now has answered at its gate; None if it was not watched."""
    record, gate = completion.record, context.gate
    if record is None or gate is None or context.gated is None:
        return None
    if context.gated != record.current_container_id:
        return None
    answered_at = gate.answered_at
    return HealthObservation(
        game_id=record.game_id,
        container_id=context.gated,
        healthy=answered_at is not None,
        error=gate.error,
        since=answered_at or completion.at,
        checked_at=answered_at or completion.at,
    )


def _downtime(context: OperationContext, completion: Completion) -> timedelta | None:
    """Return how long the endpoint was down, if this operation took it down."""
    predecessor = context.operation.predecessor
    if predecessor is None or not predecessor.ran:
        return None
    its_steps = [
        each
        for each in context.operation.steps
        if each.action.container_id == predecessor.container_id
    ]
    down = next((each for each in its_steps if each.action.name is ActionName.STOP), None)
    if down is None:
        return None
    back = _back_at(context, completion, its_steps)
    return back - down.started_at if back else None


def _back_at(
    context: OperationContext, completion: Completion, of_predecessor: list[Step]
) -> datetime | None:
    if completion.outcome is Outcome.SUCCESS:
        answered_at = context.gate.answered_at if context.gate else None
        return answered_at or completion.at
    restarted = next((each for each in reversed(of_predecessor) if _has_restarted(each)), None)
    if restarted is None:
        return None
    return restarted.started_at + timedelta(milliseconds=restarted.duration_ms or 0.0)


def _has_restarted(step: Step) -> bool:
    return (
        step.phase is Phase.BACK
        and step.action.name is ActionName.START
        and step.result is StepResult.DONE
    )
