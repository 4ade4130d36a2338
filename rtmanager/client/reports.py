"""What the service answers about the whole: explanations, logs, events, drift and workers."""

from dataclasses import dataclass
from datetime import datetime

from rtmanager.client.answers import EngineExit, Health, HealthEvent, Operation, Step
from rtmanager.client.parsing import Answer
from rtmanager.client.vocabulary import (
    DriftKind,
    ErrorCode,
    EventType,
    HealthState,
    LogStream,
    NodeRole,
    NodeState,
    OperationKind,
    OperationSource,
    Outcome,
    Phase,
    RuntimeStatus,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFinding(Answer):
    """One disagreement between a record and Docker, and what the reconciler does about it."""

    game_id: str
    kind: DriftKind
    container_id: str | None
    sentence: str
    action: str
    retry_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport(Answer):
    """What a reconciliation would find now."""

    games: int
    items: tuple[DriftFinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState(Answer):
    """A game's container as Docker shows it now."""

    container_id: str
    name: str
    state: str
    exit_code: int | None
    oom_killed: bool
    started_at: datetime | None
    finished_at: datetime | None
    node: str | None = None
    is_out_of_reach: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation(Answer):
    """Why a game is in its state."""

    game_id: str
    summary: str
    status: RuntimeStatus | None
    image_ref: str | None
    since: datetime | None
    cause: Operation | None
    open_operation: Operation | None
    operations: tuple[Operation, ...]
    exit: EngineExit | None
    health: Health | None
    drift: tuple[DriftFinding, ...]
    container: ContainerState | None
    docker_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine(Answer):
    """One line of an engine's output."""

    at: datetime | None
    stream: LogStream
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationProgress(Answer):
    """An operation as of an event."""

    operation_id: int
    kind: OperationKind
    source: OperationSource
    source_ref: str
    image_ref: str | None
    outcome: Outcome
    phase: Phase
    error_code: ErrorCode | None
    error_message: str | None
    steps: int
    step: Step | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChange(Answer):
    """A change of an engine's health."""

    state: HealthState
    error: str | None
    event: HealthEvent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftChange(Answer):
    """Drift that was found, or that is gone."""

    is_present: bool
    finding: DriftFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Answer):
    """The data of one server-sent event; of the last three only the one of its type is there."""

    type: EventType
    game_id: str
    at: datetime
    operation: OperationProgress | None
    health: HealthChange | None
    drift: DriftChange | None


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """One event of the stream: its id, to continue from, and its data, if its type has any."""

    id: str
    type: EventType
    event: Event | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Answer):
    """Something that the service does on its own, again and again."""

    name: str
    interval_s: float | None
    cycles: int
    failures: int
    failures_in_a_row: int
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_error: str | None
    did: str | None
    lag_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica(Answer):
    """A running process of the service."""

    replica_id: str
    host: str
    version: str
    started_at: datetime
    seen_at: datetime
    is_leader: bool
    workers: tuple[Worker, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog(Answer):
    """What waits in one queue."""

    name: str
    waiting: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersReport(Answer):
    """The replicas, their workers, and what waits."""

    leader: str | None
    replicas: tuple[Replica, ...]
    backlogs: tuple[Backlog, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Answer):
    """A host of the Swarm, and what runs on it."""

    node_id: str
    name: str
    state: NodeState
    availability: str
    role: NodeRole
    cpus: float
    memory_bytes: int
    reserved_cpus: float
    reserved_memory_bytes: int
    interrupted_at: datetime | None
    off_at: datetime | None
    drain_at: datetime | None
    is_out_of_reach: bool
    games: tuple[str, ...]
    games_left: int | None
    advice: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes(Answer):
    """All nodes, ordered by name."""

    items: tuple[Node, ...]
