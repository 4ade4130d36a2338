"""Rows to domain values and back; no row leaves this package."""

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.health import HealthEvent, HealthEventType
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
