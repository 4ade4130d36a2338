"""Rows to domain values and back; no row leaves this package."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.operation import (
    Fence,
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
    Outcome,
    Step,
    StopReason,
)
from rtmanager.domain.outbox import OutboxMessage
from rtmanager.domain.ports.health_log import Baseline, Watch
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

Parameters = dict[str, object]


def record_from(row: Sequence[Any]) -> RuntimeRecord:
    """Read a record from its columns in the order of RuntimeRecord's fields."""
    return RuntimeRecord(
        game_id=row[0],
        status=RuntimeStatus(row[1]),
        current_container_id=row[2],
        current_image_ref=row[3],
        image_id=row[4],
        engine_endpoint=row[5],
        state_path=row[6],
        docker_network=row[7],
        started_at=row[8],
        stopped_at=row[9],
        removed_at=row[10],
        last_op_at=row[11],
        created_at=row[12],
        fence=row[13],
    )


def record_parameters(record: RuntimeRecord) -> Parameters:
    """Return a record's columns by name."""
    return {
        "game_id": record.game_id,
        "status": record.status.value,
        "current_container_id": record.current_container_id,
        "current_image_ref": record.current_image_ref,
        "image_id": record.image_id,
        "engine_endpoint": record.engine_endpoint,
        "state_path": record.state_path,
        "docker_network": record.docker_network,
        "started_at": record.started_at,
        "stopped_at": record.stopped_at,
        "removed_at": record.removed_at,
        "last_op_at": record.last_op_at,
        "created_at": record.created_at,
        "last_fence": record.fence,
    }


def operation_from(row: Sequence[Any]) -> Operation:
    """Read an operation from its columns in the order of the table."""
    (id_, game_id, kind, source, source_ref, reason, image_ref, container_id, *rest) = row
    outcome, error_code, error_message, steps, details, started_at, finished_at = rest
    request = OperationRequest(
        game_id=GameId(game_id),
        kind=OperationKind(kind),
        origin=Origin(OpSource(source), source_ref),
        image_ref=image_ref,
        reason=StopReason(reason) if reason else None,
    )
    return Operation(
        id=Fence(id_),
        request=request,
        started_at=started_at,
        container_id=ContainerId(container_id) if container_id else None,
        outcome=Outcome(outcome) if outcome else None,
        error_code=ErrorCode(error_code) if error_code else None,
        error_message=error_message,
        steps=tuple(_step_from(step) for step in steps),
        details=details,
        finished_at=finished_at,
    )


def request_parameters(request: OperationRequest) -> Parameters:
    """Return the columns that a request fills."""
    return {
        "game_id": stored_game_id(request.game_id),
        "kind": request.kind.value,
        "source": request.origin.source.value,
        "source_ref": request.origin.source_ref,
        "reason": request.reason and request.reason.value,
        "image_ref": request.image_ref,
    }


def steps_parameter(steps: Sequence[Step]) -> Jsonb:
    """Return steps as they are kept."""
    return Jsonb(
        [
            {
                "name": step.name,
                "started_at": step.started_at.isoformat(),
                "duration_ms": step.duration_ms,
                "error": step.error,
                "note": step.note,
            }
            for step in steps
        ]
    )


def health_parameters(event: HealthEvent) -> Parameters:
    """Return the columns of a health snapshot."""
    return {
        "game_id": stored_game_id(event.game_id),
        "container_id": event.container_id,
        "event_type": event.event_type.value,
        "details": Jsonb(event.details),
        "observed_at": event.occurred_at,
    }


def health_from(row: Sequence[Any]) -> HealthEvent:
    """Read a health snapshot from its columns in the order of the table."""
    game_id, container_id, event_type, details, observed_at = row
    return HealthEvent(
        game_id=game_id,
        container_id=container_id,
        event_type=HealthEventType(event_type),
        details=details,
        occurred_at=observed_at,
    )


def baseline_from(row: Sequence[Any]) -> Baseline:
    """Read a watcher's baseline from its columns in the order of Baseline's fields."""
    game_id, container_id, watch, failing, count = row
    return Baseline(
        game_id=game_id,
        container_id=container_id,
        watch=Watch(watch),
        failing=failing,
        count=count,
    )


def baseline_parameters(baseline: Baseline) -> Parameters:
    """Return a baseline's columns by name."""
    return {
        "game_id": stored_game_id(baseline.game_id),
        "container_id": baseline.container_id,
        "watch": baseline.watch.value,
        "failing": baseline.failing,
        "count": baseline.count,
    }


def message_parameters(message: OutboxMessage) -> Parameters:
    """Return the columns of an outbox row."""
    return {
        "game_id": stored_game_id(message.game_id),
        "stream": message.stream.value,
        "fields": Jsonb(message.fields),
    }


def _step_from(step: dict[str, Any]) -> Step:
    return Step(
        name=step["name"],
        started_at=datetime.fromisoformat(step["started_at"]),
        duration_ms=step["duration_ms"],
        error=step["error"],
        note=step["note"],
    )
