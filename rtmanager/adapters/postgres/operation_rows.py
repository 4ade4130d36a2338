"""Converting operations to rows of the operation log and back."""

from datetime import datetime
from functools import partial
from typing import Any

from opentelemetry import trace
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres.operation_steps import step_from, step_value
from rtmanager.adapters.postgres.stored_values import Parameters, stored_game_id
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


def admitted_operation(
    request: OperationRequest, admission: Admission, before: RuntimeRecord | None, *, at: datetime
) -> Operation:
    """Return the operation for an admitted request; inserting it assigns its id."""
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
        trace_id=admission.trace_id,
    )


def new_row(operation: Operation, lease: LeaseNumber | None) -> Parameters:
    """Return the columns of a new row, for JSON."""
    request, predecessor = operation.request, operation.predecessor
    return {
        "game_id": stored_game_id(request.game_id),
        "kind": request.kind,
        "source": request.origin.source,
        "source_ref": request.origin.source_ref,
        "reason": request.reason,
        "image_ref": request.image_ref,
        "request_container_id": request.container_id,
        "container_id": operation.container_id,
        "predecessor": predecessor and _predecessor_value(predecessor),
        "outcome": operation.outcome,
        "error_code": operation.error_code,
        "error_message": operation.error_message,
        "details": operation.details,
        "started_at": operation.started_at,
        "finished_at": operation.finished_at,
        "lease_number": lease,
        "trace_id": operation.trace_id,
    }


def current_trace() -> str | None:
    """Return the trace of the request, ours or the caller's."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def progress_parameters(operation: Operation, lease: LeaseNumber) -> Parameters:
    """Return the columns that are written ahead, and the keys of this holder's open row."""
    return {
        "id": operation.id,
        "game_id": stored_game_id(operation.game_id),
        "lease": lease,
        "phase": operation.phase,
        "cause": operation.cause and Jsonb(_cause_value(operation.cause)),
        "steps": Jsonb([step_value(step) for step in operation.steps]),
    }


def outcome_parameters(completion: Completion) -> Parameters:
    """Return the columns of an outcome; without a container of its own it has the previous one."""
    cause = completion.cause
    return {
        "container_id": _container_of(completion, None),
        "outcome": completion.outcome,
        "error_code": cause and cause.code,
        "error_message": (cause and cause.message) or None,
        "details": Jsonb(completion.details),
        "finished_at": completion.at,
    }


def _container_of(completion: Completion, before: RuntimeRecord | None) -> ContainerId | None:
    """Return the container that an outcome concerns: the current one, or else the previous one."""
    now = completion.record.current_container_id if completion.record else None
    return now or (before.current_container_id if before else None)


def _operation(**row: Any) -> Operation:
    return Operation(
        id=Fence(row["id"]),
        request=_request(row),
        started_at=row["started_at"],
        predecessor=_predecessor(row["predecessor"]),
        phase=Phase(row["phase"]),
        cause=_cause(row["cause"]),
        lost=row["lost"],
        container_id=row["container_id"],
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        error_code=ErrorCode(row["error_code"]) if row["error_code"] else None,
        error_message=row["error_message"],
        steps=tuple(step_from(step) for step in row["steps"]),
        details=row["details"],
        finished_at=row["finished_at"],
        trace_id=row["trace_id"],
    )


operation_row = kwargs_row(_operation)
"""The row factory of the operation log."""

brief_operation_row = kwargs_row(
    partial(_operation, predecessor=None, cause=None, details={}, steps=())
)
"""The row factory of the operation log without what is stored in JSON."""


def _request(row: dict[str, Any]) -> OperationRequest:
    return OperationRequest(
        game_id=GameId(row["game_id"]),
        kind=OperationKind(row["kind"]),
        origin=Origin(OpSource(row["source"]), row["source_ref"]),
        image_ref=row["image_ref"],
        reason=StopReason(row["reason"]) if row["reason"] else None,
        container_id=row["request_container_id"],
    )


def _predecessor(value: dict[str, Any] | None) -> Predecessor | None:
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


def _cause(value: dict[str, Any] | None) -> Cause | None:
    if value is None:
        return None
    return Cause(
        code=ErrorCode(value["code"]),
        message=value["message"],
        detail=value.get("detail"),  # the previous release has none
        exit_code=value["exit_code"],
        oom_killed=value.get("oom_killed", False),  # the previous release has neither
        ended_at=_time(value.get("ended_at")),
        log_tail=tuple(value["log_tail"]),
    )


def _cause_value(cause: Cause) -> dict[str, object]:
    return {
        "code": cause.code,
        "message": cause.message,
        "detail": cause.detail,
        "exit_code": cause.exit_code,
        "oom_killed": cause.oom_killed,
        "ended_at": cause.ended_at and cause.ended_at.isoformat(),
        "log_tail": cause.log_tail,
    }


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
