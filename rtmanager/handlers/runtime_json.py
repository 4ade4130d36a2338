"""The contract's JSON of a runtime record: every property, null where it does not apply."""

from datetime import UTC, datetime

from rtmanager.domain.runtime import RuntimeRecord
from rtmanager.handlers.asgi import JsonObject


def runtime_json(record: RuntimeRecord) -> JsonObject:
    """Return the record as the contract shows it."""
    return {
        "game_id": record.game_id,
        "status": record.status,
        "current_container_id": record.current_container_id,
        "current_image_ref": record.current_image_ref,
        "engine_endpoint": record.engine_endpoint,
        "state_path": record.state_path,
        "docker_network": record.docker_network,
        "started_at": _timestamp(record.started_at),
        "stopped_at": _timestamp(record.stopped_at),
        "removed_at": _timestamp(record.removed_at),
        "last_op_at": _timestamp(record.last_op_at),
        "created_at": _timestamp(record.created_at),
    }


def _timestamp(at: datetime | None) -> str | None:
    """Return the time as RFC 3339 in UTC, with microseconds and Z."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
