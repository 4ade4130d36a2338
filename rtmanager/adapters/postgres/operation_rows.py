"""Rows of the operation log to operations and back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres.rows import Parameters
from rtmanager.adapters.postgres.step_values import step_from, step_value
from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import (
    Cause,
    Fence,
    LeaseNumber,
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
    Outcome,
    Phase,
    Predecessor,
    StopReason,
)
from rtmanager.domain.ports.operation_journal import Admission
from rtmanager.domain.runtime import RuntimeRecord


def operation_from(row: Sequence[Any]) -> Operation:
    """Read an operation from its columns in the order of the statements."""
    id_, container_id, predecessor, phase, cause, lost, steps, *ending = row[0], *row[8:]
    outcome, error_code, error_message, details, started_at, finished_at = ending
    return Operation(
        id=Fence(id_),
        request=_request_from(row[1:8]),
        started_at=started_at,
        predecessor=_predecessor_from(predecessor),
        phase=Phase(phase),
        cause=_cause_from(cause),
        lost=lost,
        container_id=container_id,
        outcome=Outcome(outcome) if outcome else None,
        error_code=ErrorCode(error_code) if error_code else None,
        error_message=error_message,
        steps=tuple(step_from(step) for step in steps),
        details=details,
        finished_at=finished_at,
    )


def admitted_operation(
    request: OperationRequest, admission: Admission, before: RuntimeRecord | None, *, at: datetime
) -> Operation:
    """Return the operation that a request becomes, its id still to be given."""
    completion = admission.completion
    cause = completion.cause if completion else None
    return Operation(
        id=Fence(0),
        request=request,
        started_at=at,
        predecessor=admission.predecessor,
        container_id=_container_of(completion, before) if completion else None,
        outcome=completion.outcome if completion else None,
        error_code=cause.code if cause else None,
        error_message=(cause.message or None) if cause else None,
        details=completion.details if completion else {},
        finished_at=completion.at if completion else None,
    )


def operation_parameters(operation: Operation) -> Parameters:
    """Return the columns of a row that is inserted."""
    request, predecessor = operation.request, operation.predecessor
    return {
        "game_id": stored_game_id(request.game_id),
        "kind": request.kind.value,
        "source": request.origin.source.value,
        "source_ref": request.origin.source_ref,
        "reason": request.reason and request.reason.value,
        "image_ref": request.image_ref,
        "request_container_id": request.container_id,
        "container_id": operation.container_id,
        "predecessor": predecessor and Jsonb(_predecessor_value(predecessor)),
        "outcome": operation.outcome and operation.outcome.value,
        "error_code": operation.error_code and operation.error_code.value,
        "error_message": operation.error_message,
        "details": Jsonb(operation.details),
        "started_at": operation.started_at,
        "finished_at": operation.finished_at,
    }


def progress_parameters(operation: Operation, *, lease: LeaseNumber) -> Parameters:
    """Return what is written ahead, and by what the row is found while it is this holder's."""
    return {
        "id": operation.id,
        "game_id": stored_game_id(operation.game_id),
        "lease": lease,
        "phase": operation.phase.value,
        "cause": operation.cause and Jsonb(_cause_value(operation.cause)),
        "steps": Jsonb([step_value(step) for step in operation.steps]),
    }


def completion_parameters(completion: Completion, before: RuntimeRecord | None) -> Parameters:
    """Return the columns of an outcome."""
    cause = completion.cause
    return {
        "container_id": _container_of(completion, before),
        "outcome": completion.outcome.value,
        "error_code": cause and cause.code.value,
        "error_message": (cause and cause.message) or None,
        "details": Jsonb(completion.details),
        "finished_at": completion.at,
    }


def _container_of(completion: Completion, before: RuntimeRecord | None) -> ContainerId | None:
    """Return the container that an outcome is about: the one there is, or else the one before."""
    now = completion.record.current_container_id if completion.record else None
    return now or (before.current_container_id if before else None)


def _request_from(row: Sequence[Any]) -> OperationRequest:
    game_id, kind, source, source_ref, reason, image_ref, container_id = row
    return OperationRequest(
        game_id=GameId(game_id),
        kind=OperationKind(kind),
        origin=Origin(OpSource(source), source_ref),
        image_ref=image_ref,
        reason=StopReason(reason) if reason else None,
        container_id=container_id,
    )


def _predecessor_from(value: dict[str, Any] | None) -> Predecessor | None:
    if value is None:
        return None
    return Predecessor(
        container_id=ContainerId(value["container_id"]),
        ran=value["ran"],
        healthy=value["healthy"],
    )


def _predecessor_value(predecessor: Predecessor) -> dict[str, object]:
    return {
        "container_id": predecessor.container_id,
        "ran": predecessor.ran,
        "healthy": predecessor.healthy,
    }


def _cause_from(value: dict[str, Any] | None) -> Cause | None:
    if value is None:
        return None
    return Cause(
        code=ErrorCode(value["code"]),
        message=value["message"],
        exit_code=value["exit_code"],
        log_tail=tuple(value["log_tail"]),
    )


def _cause_value(cause: Cause) -> dict[str, object]:
    return {
        "code": cause.code.value,
        "message": cause.message,
        "exit_code": cause.exit_code,
        "log_tail": list(cause.log_tail),
    }
