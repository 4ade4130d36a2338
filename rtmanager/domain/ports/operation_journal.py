"""The write side of the durable store: the two transactions of the operation protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import Conflict, ErrorCode, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.operation import (
    Fence,
    Operation,
    OperationKind,
    OperationRequest,
    Outcome,
    Step,
)
from rtmanager.domain.outbox import OutboxMessage
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is decided of a request before any effect. `outcome` None lets it through."""

    outcome: Outcome | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    messages: Sequence[OutboxMessage] = ()


PROCEED = Verdict()

Decision = Callable[[RuntimeRecord | None], Verdict]
"""Decides on a request from the record, without side effects."""


class OperationStillOpen(ServiceUnavailable):
    """an earlier operation on this game is still open and must be settled first."""


class OperationSuperseded(ServiceUnavailable):
    """the operation was settled by another process after its lease was lost."""


class JobAlreadyRecorded(Conflict):
    """this job was recorded before; the operation log holds what came of it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The operation row as inserted, open or finished, and the record that the decision saw."""

    operation: Operation
    record: RuntimeRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationResult:
    """What the outcome transaction writes. `record` None leaves the record as it is.

    The latest of `events` becomes the game's health snapshot.
    """

    operation_id: Fence
    game_id: GameId
    outcome: Outcome
    finished_at: datetime
    record: RuntimeRecord | None = None
    container_id: ContainerId | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    steps: tuple[Step, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    events: Sequence[HealthEvent] = ()
    messages: Sequence[OutboxMessage] = ()

    @property
    def latest_event(self) -> HealthEvent | None:
        """The event that becomes the health snapshot: of two at one moment, the one told last."""
        newest_first = reversed(self.events)
        return max(newest_first, key=lambda event: event.occurred_at, default=None)


class OperationJournal(Protocol):
    """The operation log and what is written together with it.

    Every method may raise ServiceUnavailable; the transaction may then have happened or not.
    """

    async def begin(self, request: OperationRequest, decide: Decision, *, at: datetime) -> Begun:
        """Read the record, decide, insert the operation row and the verdict's messages.

        All in one transaction, the record locked. A verdict with an outcome (replay, refusal) makes
        a row that is finished at once, PROCEED an open one. Whatever `decide` raises leaves nothing
        written. Raises OperationStillOpen, writing nothing and without asking `decide`, when the
        game has an open operation: what the record says is not settled then. Raises
        JobAlreadyRecorded, writing nothing, when the source is the lobby's stream and its reference
        is in the log already.
        """

    async def refuse(self, request: OperationRequest, verdict: Verdict, *, at: datetime) -> None:
        """Insert a finished row and its messages for a request that could not even begin.

        Needs no lease and does not mind an open operation: the row never was open itself. Raises
        JobAlreadyRecorded as `begin` does.
        """

    async def finish(self, result: OperationResult) -> None:
        """Write the outcome, the record, the health snapshot and the messages, in one transaction.

        Raises OperationSuperseded, writing nothing, when the operation is no longer open or the
        record already has a fence at least as high. Repeating a finish after a lost reply
        therefore raises OperationSuperseded and changes nothing.
        """

    async def open_operation(self, game_id: GameId) -> Operation | None:
        """Return the game's open operation; there is at most one."""

    async def open_operations(self) -> Sequence[Operation]:
        """Return every open operation, oldest first."""

    async def of_job(self, kind: OperationKind, entry_id: str) -> Operation | None:
        """Return the operation that a job of the lobby became; None when it is not recorded."""

    async def get(self, operation_id: Fence) -> Operation | None:
        """Return one operation."""

    async def history(self, game_id: GameId, *, limit: int) -> Sequence[Operation]:
        """Return the game's last operations, newest first."""
