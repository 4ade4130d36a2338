"""Converting rows of `operator_events`, most of them written by triggers, to events."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres.operation_steps import step_from
from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.insight.operator_events import (
    Change,
    DriftChange,
    EventId,
    HealthChange,
    OperationProgress,
    OperatorEvent,
)
from rtmanager.domain.operation import Fence, OperationKind, OpSource, Outcome, Phase
from rtmanager.domain.reconciliation.drift import Drift, DriftKind
from rtmanager.domain.reconciliation.drift_findings import Finding


def event_from(id_: EventId, type_: str, game_id: str, at: datetime, body: Any) -> OperatorEvent:
    """Return the event of a row."""
    game = GameId(game_id)
    return OperatorEvent(id_, game, at, _CHANGES[type_](game, body))


def drift_body(change: DriftChange) -> Jsonb:
    """Return the body of the row of a change of drift."""
    drift, retry_at = change.finding.drift, change.finding.retry_at
    return Jsonb(
        {
            "is_present": change.is_present,
            "kind": drift.kind,
            "container_id": drift.container_id,
            "sentence": drift.sentence,
            "retry_at": retry_at and retry_at.isoformat(),
        }
    )


def _progress(_: GameId, body: dict[str, Any]) -> OperationProgress:
    return OperationProgress(
        operation_id=Fence(body["operation_id"]),
        kind=OperationKind(body["kind"]),
        source=OpSource(body["source"]),
        source_ref=body["source_ref"],
        image_ref=body["image_ref"],
        outcome=Outcome(body["outcome"]) if body["outcome"] else None,
        phase=Phase(body["phase"]),
        error_code=ErrorCode(body["error_code"]) if body["error_code"] else None,
        error_message=body["error_message"],
        steps=body["steps"],
        step=step_from(body["step"]) if body["step"] else None,
    )


def _health(game_id: GameId, body: dict[str, Any]) -> HealthChange:
    if "event" not in body:
        return HealthChange.observed(healthy=body["healthy"], error=body["error"])
    event = body["event"]
    return HealthChange.of(
        HealthEvent(
            game_id=game_id,
            container_id=ContainerId(event["container_id"]),
            event_type=HealthEventType(event["event_type"]),
            details=event["details"],
            occurred_at=datetime.fromisoformat(event["occurred_at"]),
        )
    )


def _drift(game_id: GameId, body: dict[str, Any]) -> DriftChange:
    container_id = body["container_id"]
    drift = Drift(
        game_id,
        DriftKind(body["kind"]),
        ContainerId(container_id) if container_id else None,
        body["sentence"],
    )
    retry_at = body["retry_at"]
    finding = Finding(drift, datetime.fromisoformat(retry_at) if retry_at else None)
    return DriftChange(body["is_present"], finding)


_CHANGES: Mapping[str, Callable[[GameId, dict[str, Any]], Change]] = {
    "operation": _progress,
    "health": _health,
    "drift": _drift,
}
