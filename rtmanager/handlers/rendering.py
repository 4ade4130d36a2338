"""Rendering values as the contracts define them: every property, null where none applies."""

from datetime import UTC, datetime

from rtmanager.domain.health import HealthEvent
from rtmanager.domain.insight.engine_exit import EngineExit, exit_of
from rtmanager.domain.insight.health import Health
from rtmanager.domain.insight.read_overview import Overview
from rtmanager.domain.operation import Operation, Step
from rtmanager.domain.runtime import ListedRecord, RuntimeRecord
from rtmanager.handlers.ascii_json import JsonObject

OPEN = "open"
"""The outcome of an operation that has none yet."""


def timestamp(at: datetime | None) -> str | None:
    """Return the time in RFC 3339, in UTC with microseconds and Z."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def instant(at: datetime | None) -> datetime | str | None:
    """Return the time for `encode`, which renders it like `timestamp`, and much faster.

    It would leave out microseconds that are zero, and keep another time zone than UTC.
    """
    return at if at is None or (at.microsecond and at.tzinfo is UTC) else timestamp(at)


def runtime_json(record: RuntimeRecord | ListedRecord) -> JsonObject:
    """Return the record as the contract defines it: every property, null where none applies."""
    return {
        "game_id": record.game_id,
        "status": record.status,
        "current_container_id": record.current_container_id,
        "current_image_ref": record.current_image_ref,
        "engine_endpoint": record.engine_endpoint,
        "state_path": record.state_path,
        "docker_network": record.docker_network,
        "started_at": instant(record.started_at),
        "stopped_at": instant(record.stopped_at),
        "removed_at": instant(record.removed_at),
        "last_op_at": instant(record.last_op_at),
        "created_at": instant(record.created_at),
    }


def overview_json(overview: Overview) -> JsonObject:
    """Return one game at a glance."""
    record, last = overview.record, overview.last_operation
    return {
        "game_id": record.game_id,
        "status": record.status,
        "image_ref": record.current_image_ref,
        "container_id": record.current_container_id,
        "engine_endpoint": record.engine_endpoint,
        "started_at": timestamp(record.started_at),
        "stopped_at": timestamp(record.stopped_at),
        "removed_at": timestamp(record.removed_at),
        "created_at": timestamp(record.created_at),
        "last_op_at": timestamp(record.last_op_at),
        "health": overview.health,
        "last_operation": last and operation_brief_json(last),
    }


def operation_json(operation: Operation) -> JsonObject:
    """Return an operation with its steps."""
    request, details = operation.request, operation.details
    engine_exit = exit_of(operation)
    return operation_brief_json(operation) | {
        "game_id": operation.game_id,
        "source_ref": request.origin.source_ref,
        "reason": request.reason,
        "image_ref": request.image_ref,
        "container_id": operation.container_id,
        "phase": operation.phase,
        "error_message": operation.error_message,
        "duration_ms": _duration_ms(operation),
        "downtime_ms": details.get("downtime_ms"),
        "healthy": details.get("healthy"),
        "exit": engine_exit and exit_json(engine_exit),
        "lost_processes": operation.lost,
        "trace_id": operation.trace_id,
        "steps": [step_json(step) for step in operation.steps],
    }


def operation_brief_json(operation: Operation) -> dict[str, object]:
    """Return an operation without its steps."""
    return {
        "operation_id": operation.id,
        "kind": operation.kind,
        "source": operation.request.origin.source,
        "outcome": operation.outcome or OPEN,
        "error_code": operation.error_code,
        "started_at": timestamp(operation.started_at),
        "finished_at": timestamp(operation.finished_at),
    }


def step_json(step: Step) -> JsonObject:
    """Return one step, without what its error keeps from callers."""
    return {
        "action": step.action.name,
        "phase": step.phase,
        "container_id": step.action.container_id,
        "started_at": timestamp(step.started_at),
        "duration_ms": step.duration_ms,
        "result": step.result or "running",
        "error_code": step.error_code,
        "error": step.error,
        "note": step.note,
    }


def exit_json(engine_exit: EngineExit) -> JsonObject:
    """Return how an engine ended."""
    return {
        "container_id": engine_exit.container_id,
        "exit_code": engine_exit.exit_code,
        "oom_killed": engine_exit.oom_killed,
        "signal": engine_exit.signal,
        "ended_at": timestamp(engine_exit.ended_at),
        "log_tail": list(engine_exit.log_tail),
    }


def health_json(health: Health) -> JsonObject:
    """Return an engine's health."""
    return {
        "game_id": health.game_id,
        "container_id": health.container_id,
        "state": health.state,
        "since": timestamp(health.since),
        "checked_at": timestamp(health.checked_at),
        "error": health.error,
        "consecutive_misses": health.consecutive_misses,
        "last_event": health.last_event and health_event_json(health.last_event),
    }


def health_event_json(event: HealthEvent) -> JsonObject:
    """Return a health event."""
    return {
        "event_type": event.event_type,
        "container_id": event.container_id,
        "details": dict(event.details),
        "occurred_at": timestamp(event.occurred_at),
    }


def _duration_ms(operation: Operation) -> float | None:
    if operation.finished_at is None:
        return None
    return round((operation.finished_at - operation.started_at).total_seconds() * 1000, 3)
