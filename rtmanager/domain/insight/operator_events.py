"""What operators are told as it happens: progress of operations, changes of health, drift."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.insight.health import HealthState
from rtmanager.domain.operation import (
    Fence,
    Operation,
    OperationKind,
    OpSource,
    Outcome,
    Phase,
    Step,
)
from rtmanager.domain.reconciliation.drift_findings import Finding

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 2**63 - 1
_PARTS = 3


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """Where an event is in the log; ordered as events are.

    An event of the same numbers in a restored database has another time, in microseconds.
    """

    transaction: int
    row: int
    at: int = 0

    @classmethod
    def of(cls, transaction: int, row: int, at: datetime) -> Self:
        """Return the id of an event that was written at this time."""
        return cls(transaction, row, (at - _EPOCH) // timedelta(microseconds=1))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the id with this text; None if it is none."""
        parts = text.split("-")
        if len(parts) != _PARTS or not all(part.isascii() and part.isdigit() for part in parts):
            return None
        numbers = [int(part) if len(part) < len(str(_LARGEST)) else _LARGEST for part in parts]
        return cls(*numbers)

    def __str__(self) -> str:
        """Return the text that callers see, and send to continue there."""
        return f"{self.transaction}-{self.row}-{self.at}"


BEGINNING = EventId(0, 0)
"""Before every event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationProgress:
    """How far an operation is: its latest step, and how many it has."""

    operation_id: Fence
    kind: OperationKind
    source: OpSource
    source_ref: str
    image_ref: str | None
    outcome: Outcome | None
    phase: Phase
    error_code: ErrorCode | None
    error_message: str | None
    steps: int
    step: Step | None

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """Return the progress of the operation as it is now."""
        request = operation.request
        return cls(
            operation_id=operation.id,
            kind=operation.kind,
            source=request.origin.source,
            source_ref=request.origin.source_ref,
            image_ref=request.image_ref,
            outcome=operation.outcome,
            phase=operation.phase,
            error_code=operation.error_code,
            error_message=operation.error_message,
            steps=len(operation.steps),
            step=operation.steps[-1] if operation.steps else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChange:
    """A change of an engine's health; `event` is the one that was published with it."""

    state: HealthState
    error: str | None = None
    event: HealthEvent | None = None

    @classmethod
    def of(cls, event: HealthEvent) -> Self:
        """Return the change that the event reports."""
        return cls(state=_STATES[event.event_type], error=_error(event), event=event)

    @classmethod
    def observed(cls, *, healthy: bool | None, error: str | None) -> Self:
        """Return the change that a probe has seen; None if the engine could not be asked."""
        if healthy is None:
            return cls(state=HealthState.UNKNOWN, error=error)
        return cls(state=HealthState.HEALTHY if healthy else HealthState.UNHEALTHY, error=error)


@dataclass(frozen=True, slots=True)
class DriftChange:
    """Drift that was found, or is gone."""

    is_present: bool
    finding: Finding


Change = OperationProgress | HealthChange | DriftChange


@dataclass(frozen=True, slots=True, eq=False)
class OperatorEvent:
    """One row of the log: which game it concerns, when it happened, and what."""

    id: EventId
    game_id: GameId
    at: datetime
    change: Change


_STATES: Mapping[HealthEventType, HealthState] = {
    HealthEventType.CONTAINER_STARTED: HealthState.UNKNOWN,
    HealthEventType.CONTAINER_EXITED: HealthState.NOT_RUNNING,
    HealthEventType.CONTAINER_OOM: HealthState.NOT_RUNNING,
    HealthEventType.CONTAINER_DISAPPEARED: HealthState.NOT_RUNNING,
    HealthEventType.INSPECT_UNHEALTHY: HealthState.UNHEALTHY,
    HealthEventType.PROBE_FAILED: HealthState.UNHEALTHY,
    HealthEventType.PROBE_RECOVERED: HealthState.HEALTHY,
}


def _error(event: HealthEvent) -> str | None:
    """Return why the engine is not healthy, or not known to be."""
    details = event.details
    words = {
        HealthEventType.CONTAINER_STARTED: "it was not probed yet",
        HealthEventType.CONTAINER_EXITED: f"it exited with code {details.get('exit_code')}",
        HealthEventType.CONTAINER_OOM: "it ran out of memory",
        HealthEventType.CONTAINER_DISAPPEARED: "its container is gone",
        HealthEventType.INSPECT_UNHEALTHY: details.get("reason"),
        HealthEventType.PROBE_FAILED: details.get("error"),
    }
    found = words.get(event.event_type)
    return None if found is None else str(found)
