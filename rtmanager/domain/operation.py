"""Operations: who asked for what, its progress, and its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType, Self

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode, RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.texts import printable, printable_or_none, printable_texts

Fence = NewType("Fence", int)
"""An operation's id. Ids only grow: of two operations the later has the higher fence."""

LeaseNumber = NewType("LeaseNumber", int)
"""Drawn with each lease, higher than all before for the game; only the highest may write."""


class OperationKind(StrEnum):
    """What an operation does to a game's runtime."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    PATCH = "patch"
    CLEANUP_CONTAINER = "cleanup_container"
    RECONCILE_ADOPT = "reconcile_adopt"
    RECONCILE_DISPOSE = "reconcile_dispose"
    RECONCILE_OBSERVED_EXIT = "reconcile_observed_exit"


class OpSource(StrEnum):
    """Who asked for an operation."""

    LOBBY_STREAM = "lobby_stream"
    GM_REST = "gm_rest"
    ADMIN_REST = "admin_rest"
    AUTO_TTL = "auto_ttl"
    AUTO_RECONCILE = "auto_reconcile"


class Outcome(StrEnum):
    """How an operation ended; an open operation has no outcome yet."""

    SUCCESS = "success"
    FAILURE = "failure"


class StopReason(StrEnum):
    """Why a runtime is stopped (components/schemas/StopReason of the contract)."""

    ORPHAN_CLEANUP = "orphan_cleanup"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    ADMIN_REQUEST = "admin_request"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: its source and the request id or stream entry id."""

    source: OpSource
    source_ref: str

    def __post_init__(self) -> None:
        """Make the text from outside printable."""
        object.__setattr__(self, "source_ref", printable(self.source_ref))

    @property
    def is_redelivered(self) -> bool:
        """Return whether the request is redelivered until it has an outcome."""
        return self.source is OpSource.LOBBY_STREAM


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRequest:
    """What a caller asks for, before any rule is applied.

    `image_ref` is the caller's text, made printable. `container_id` is the container to reconcile.
    """

    game_id: GameId
    kind: OperationKind
    origin: Origin
    image_ref: str | None = None
    reason: StopReason | None = None
    container_id: ContainerId | None = None

    def __post_init__(self) -> None:
        """Make the text from outside printable."""
        object.__setattr__(self, "image_ref", printable_or_none(self.image_ref))


class ActionName(StrEnum):
    """Everything an operation can do; every action may be repeated."""

    OBTAIN_IMAGE = "obtain_image"
    PREPARE_STATE = "prepare_state"
    PARK = "park"
    STOP = "stop"
    CREATE = "create"
    START = "start"
    WATCH_GATE = "watch_gate"
    REMOVE = "remove"
    SET_ASIDE = "set_aside"
    UNPARK = "unpark"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, and the container it concerns.

    `address` is the name that the call uses when the id is not safe: only this operation gives that
    name, so a call that arrives after its end reaches nothing.
    """

    name: ActionName
    container_id: ContainerId | None = None
    address: str | None = None


class Phase(StrEnum):
    """Whether an operation works towards its goal or rolls back."""

    FORWARD = "forward"
    BACK = "back"


class StepResult(StrEnum):
    """The result of an action. Unknown: it may have happened, may yet happen, or never will."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A recorded action of an operation; `result` is None while it is in flight.

    `detail` is what the error keeps from callers.
    """

    action: Action
    phase: Phase
    started_at: datetime
    duration_ms: float | None = None
    result: StepResult | None = None
    error_code: ErrorCode | None = None
    error: str | None = None
    detail: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        """Make the texts from outside printable."""
        object.__setattr__(self, "error", printable_or_none(self.error))
        object.__setattr__(self, "note", printable_or_none(self.note))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why an operation is rolled back or has failed; no caller may see `detail`.

    The rest is how the engine ended that it had started, if that is the cause.
    """

    code: ErrorCode
    message: str
    detail: str | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    ended_at: datetime | None = None
    log_tail: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the texts from outside printable."""
        object.__setattr__(self, "message", printable(self.message))
        object.__setattr__(self, "log_tail", printable_texts(self.log_tail))

    @classmethod
    def of(cls, error: RuntimeManagerError) -> Self:
        """Return the cause for this error."""
        return cls(code=error.code, message=error.message, detail=error.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """The container that an operation replaces: whether it ran, and answered `/healthz`."""

    container_id: ContainerId
    ran: bool
    healthy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the operation log; without an outcome it is an open intent.

    `trace_id` is the trace of its begin, if traces are exported. `lost` counts the processes that
    died while running it, without any progress in between; a process that was running several
    operations counts for each of them in part.
    """

    id: Fence
    request: OperationRequest
    started_at: datetime
    predecessor: Predecessor | None = None
    phase: Phase = Phase.FORWARD
    cause: Cause | None = None
    lost: float = 0
    container_id: ContainerId | None = None
    outcome: Outcome | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    steps: tuple[Step, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    finished_at: datetime | None = None
    trace_id: str | None = None

    @property
    def game_id(self) -> GameId:
        """The game that the operation concerns."""
        return self.request.game_id

    @property
    def kind(self) -> OperationKind:
        """The kind of the operation."""
        return self.request.kind

    @property
    def progress(self) -> int:
        """How many distinct actions were done, forward and in rollback: it only grows."""
        done = (each for each in self.steps if each.result is StepResult.DONE)
        return len({(each.phase, each.action.name) for each in done})

    def attempts(self, action: Action) -> int:
        """Return how often the action was done or refused in the current phase."""
        return sum(
            each.action == action and each.phase is self.phase
            for each in self.steps
            if each.result in {StepResult.DONE, StepResult.REFUSED}
        )

    def refusal(self, action: Action) -> Cause | None:
        """Return why the action was refused, if it was the last one and was refused."""
        last = self.steps[-1] if self.steps else None
        if last is None or last.action != action or last.result is not StepResult.REFUSED:
            return None
        return Cause(
            code=last.error_code or ErrorCode.INTERNAL_ERROR,
            message=last.error or "it was refused",
            detail=last.detail,
        )

    def is_in_doubt(self, action: Action) -> bool:
        """Return whether the action was sent and its result is unknown."""
        return any(
            each.action == action and each.result is StepResult.UNKNOWN for each in self.steps
        )

    def was_sent(self, action: Action) -> bool:
        """Return whether the action was ever sent, regardless of its result."""
        return any(each.action == action for each in self.steps)

    def acting(self, action: Action, *, at: datetime) -> Self:
        """Return the operation with one more action in flight."""
        step = Step(action=action, phase=self.phase, started_at=at)
        return replace(self, steps=(*self.steps, step))

    def acted(self, step: Step) -> Self:
        """Return the operation with its last action answered."""
        return replace(self, steps=(*self.steps[:-1], step))

    def rolled_back(self, cause: Cause) -> Self:
        """Return the operation in its rollback; the first cause is kept and reported."""
        return replace(self, phase=Phase.BACK, cause=self.cause or cause)

    def taken_over(self) -> Self:
        """Return the operation for its next holder: the result of what was in flight is unknown."""
        return replace(
            self,
            steps=tuple(
                each if each.result else replace(each, result=StepResult.UNKNOWN)
                for each in self.steps
            ),
        )
