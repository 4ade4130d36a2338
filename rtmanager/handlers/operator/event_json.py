"""Rendering what operators are told: as JSON, and as server-sent events."""

from collections.abc import Mapping
from functools import lru_cache

from rtmanager.domain.insight.event_subscription import Delivery
from rtmanager.domain.insight.operator_events import (
    Change,
    DriftChange,
    EventId,
    HealthChange,
    OperationProgress,
    OperatorEvent,
)
from rtmanager.domain.reconciliation.drift_findings import Finding
from rtmanager.handlers.ascii_json import AsciiJson, JsonObject
from rtmanager.handlers.rendering import OPEN, health_event_json, step_json, timestamp

_NOTHING = "{}"
"""The data of an event that only has an id; browsers ignore one without data."""


def event_type(change: Change) -> str:
    """Return the name of the event."""
    match change:
        case OperationProgress():
            return "operation"
        case HealthChange():
            return "health"
        case DriftChange():
            return "drift"


def event_json(event: OperatorEvent) -> JsonObject:
    """Return an event."""
    change = event.change
    return {
        "type": event_type(change),
        "game_id": event.game_id,
        "at": timestamp(event.at),
        "operation": _progress_json(change) if isinstance(change, OperationProgress) else None,
        "health": _health_json(change) if isinstance(change, HealthChange) else None,
        "drift": _drift_json(change) if isinstance(change, DriftChange) else None,
    }


def finding_json(finding: Finding) -> JsonObject:
    """Return a finding of drift."""
    drift = finding.drift
    return {
        "game_id": drift.game_id,
        "kind": drift.kind,
        "container_id": drift.container_id,
        "sentence": drift.sentence,
        "action": finding.action,
        "retry_at": timestamp(finding.retry_at),
    }


def sent_events(delivery: Delivery, game_id: str | None) -> bytes:
    """Return the events of a delivery that concern the game, as they are sent; empty if none."""
    if delivery.mark is not None:
        return _sent(delivery.id, delivery.mark, _NOTHING)
    return b"".join(
        _sent_event(each) for each in delivery.events if game_id in {None, each.game_id}
    )


def sent_position(id_: EventId) -> bytes:
    """Return a comment with the id after which to continue: the events since were left out."""
    return f": nothing else\nid: {id_}\n\n".encode()


@lru_cache(maxsize=1024)
def _sent_event(event: OperatorEvent) -> bytes:
    """Encode an event once for everybody: each is one object in all deliveries."""
    data = bytes(AsciiJson(event_json(event)).body).decode()
    return _sent(event.id, event_type(event.change), data)


def _sent(id_: EventId, name: str, data: str) -> bytes:
    return f"id: {id_}\nevent: {name}\ndata: {data}\n\n".encode()


def _progress_json(progress: OperationProgress) -> JsonObject:
    return {
        "operation_id": progress.operation_id,
        "kind": progress.kind,
        "source": progress.source,
        "source_ref": progress.source_ref,
        "image_ref": progress.image_ref,
        "outcome": progress.outcome or OPEN,
        "phase": progress.phase,
        "error_code": progress.error_code,
        "error_message": progress.error_message,
        "steps": progress.steps,
        "step": progress.step and step_json(progress.step),
    }


def _health_json(change: HealthChange) -> Mapping[str, object]:
    return {
        "state": change.state,
        "error": change.error,
        "event": change.event and health_event_json(change.event),
    }


def _drift_json(change: DriftChange) -> Mapping[str, object]:
    return {"is_present": change.is_present, "finding": finding_json(change.finding)}
