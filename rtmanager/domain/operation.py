"""Operations: who asked for what, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import GameId

Fence = NewType("Fence", int)
"""An operation's id. It only grows, so a later operation can always be told from an earlier one."""


class OperationKind(StrEnum):
    """What is done to a game's runtime."""

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
    """How an operation ended; an open operation has none yet."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRequest:
    """What a caller asks for, before any rule was applied."""

    game_id: GameId
    kind: OperationKind
    origin: Origin
    image_ref: str | None = None
    reason: StopReason | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an operation's effect. `error` is None when it went well."""

    name: str
    started_at: datetime
    duration_ms: float
    error: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the operation log. `outcome` is None while the operation is open."""

    id: Fence
    request: OperationRequest
    started_at: datetime
    container_id: ContainerId | None = None
    outcome: Outcome | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    steps: tuple[Step, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    finished_at: datetime | None = None

    @property
    def game_id(self) -> GameId:
        """The game that the operation is about."""
        return self.request.game_id

    @property
    def kind(self) -> OperationKind:
        """What is done."""
        return self.request.kind
