"""What the service answers about games and operations, as frozen dataclasses.

The names are those of the specifications' schemas; what each property means is described there. A
field with a default may be missing in an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rtmanager.client.parsing import Answer
from rtmanager.client.vocabulary import (
    Action,
    ErrorCode,
    HealthEventType,
    HealthState,
    OperationKind,
    OperationSource,
    Outcome,
    Phase,
    RuntimeStatus,
    StepResult,
    StopReason,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Answer):
    """A successful probe: `ok` or `ready`."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRecord(Answer):
    """What is known about one game's runtime."""

    game_id: str
    status: RuntimeStatus
    state_path: str
    docker_network: str
    last_op_at: datetime
    created_at: datetime
    current_container_id: str | None = None
    current_image_ref: str | None = None
    engine_endpoint: str | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    removed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimesList(Answer):
    """All records, ordered by game."""

    items: tuple[RuntimeRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Answer):
    """One action of an operation."""

    action: Action
    phase: Phase
    container_id: str | None
    started_at: datetime
    duration_ms: float | None
    result: StepResult
    error_code: ErrorCode | None
    error: str | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineExit(Answer):
    """How an engine ended."""

    container_id: str | None
    exit_code: int | None
    oom_killed: bool
    signal: str | None
    ended_at: datetime | None
    log_tail: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Answer):
    """One operation of the log, finished or open."""

    operation_id: int
    game_id: str
    kind: OperationKind
    source: OperationSource
    source_ref: str
    reason: StopReason | None
    image_ref: str | None
    container_id: str | None
    outcome: Outcome
    phase: Phase
    error_code: ErrorCode | None
    error_message: str | None
    started_at: datetime
    finished_at: datetime | None
    duration_ms: float | None
    downtime_ms: float | None
    healthy: bool | None
    exit: EngineExit | None
    lost_processes: float
    trace_id: str | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsPage(Answer):
    """A page of operations, the newest first."""

    items: tuple[Operation, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationBrief(Answer):
    """An operation without its steps."""

    operation_id: int
    kind: OperationKind
    source: OperationSource
    outcome: Outcome
    error_code: ErrorCode | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeOverview(Answer):
    """One game at a glance."""

    game_id: str
    status: RuntimeStatus
    image_ref: str | None
    container_id: str | None
    engine_endpoint: str | None
    started_at: datetime | None
    stopped_at: datetime | None
    removed_at: datetime | None
    created_at: datetime
    last_op_at: datetime
    health: HealthState
    last_operation: OperationBrief | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeOverviews(Answer):
    """All games, ordered by id."""

    items: tuple[RuntimeOverview, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEvent(Answer):
    """A health event, as it was published."""

    event_type: HealthEventType
    container_id: str
    details: Mapping[str, Any]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Answer):
    """The health of one game's engine, as it was observed last."""

    game_id: str
    container_id: str | None
    state: HealthState
    since: datetime | None
    checked_at: datetime | None
    error: str | None
    consecutive_misses: int
    last_event: HealthEvent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthList(Answer):
    """The health of all games, ordered by id."""

    items: tuple[Health, ...]
