"""The write side of the durable store: every transaction of the operation protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import Conflict, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.messages import OutboxMessage
from rtmanager.domain.operation import (
    Fence,
    LeaseNumber,
    Operation,
    OperationKind,
    OperationRequest,
    Predecessor,
)
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The decision on a request before any effect; without a completion the operation begins."""

    completion: Completion | None = None
    predecessor: Predecessor | None = None
    messages: Sequence[OutboxMessage] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the store knows of a game when a request begins.

    `namesake` is another game whose id is the same name to Docker's DNS.
    """

    record: RuntimeRecord | None
    namesake: GameId | None = None


Admit = Callable[[Ledger], Admission]
"""Decides on a request from what the store knows, without side effects."""


class OperationStillOpen(ServiceUnavailable):
    """an earlier operation on this game is still open and must be finished first."""


class JobAlreadyRecorded(Conflict):
    """this job was recorded before; the operation log holds what came of it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The operation row, open or finished, and the record as the transaction saw it."""

    operation: Operation
    record: RuntimeRecord | None


class OperationJournal(Protocol):
    """The operation log and what is written together with it.

    Every method may raise ServiceUnavailable; the transaction may then have happened or not. Those
    that take a lease number raise LeaseLost, having changed nothing, when a later holder of the
    game's lease is known, whatever the earlier one believes.
    """

    async def begin(
        self, request: OperationRequest, admit: Admit, *, lease: LeaseNumber, at: datetime
    ) -> Begun:
        """Read the record, decide, insert the operation row and the admission's messages.

        All in one transaction, the record locked. An admission with a completion (replay, refusal)
        makes a row that is finished at once, one without an open row, which is the intent.
        Whatever `admit` raises leaves nothing written. Raises OperationStillOpen, writing nothing
        and without asking `admit`, when the game has an open operation. Raises JobAlreadyRecorded,
        writing nothing, when the source is the lobby's stream and its reference is in the log.
        """

    async def refuse(
        self,
        request: OperationRequest,
        completion: Completion,
        messages: Sequence[OutboxMessage],
    ) -> None:
        """Insert a finished row and its messages for a request that could not even begin.

        Needs no lease, and an open operation does not matter: the row is never open itself. Raises
        JobAlreadyRecorded as `begin` does.
        """

    async def take_over(self, game_id: GameId, *, lease: LeaseNumber) -> Begun | None:
        """Become the holder of the game's open operation; None when there is none.

        Counts a lost process unless the holder before has handed the operation over: in equal parts
        for all operations that are open and not handed over, from zero when this one has made
        progress since the last loss. What was in flight is in doubt in the operation that is
        returned.
        """

    async def save(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write ahead: the open operation's phase, cause and steps, as they are now. Repeatable."""

    async def hand_over(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write the open operation as it is now, and that no process works on it.

        Whoever takes it over then counts no lost process. A holder that continues after all
        revokes this with its next `save`.
        """

    async def finish(
        self,
        operation: Operation,
        completion: Completion,
        messages: Sequence[OutboxMessage],
        *,
        lease: LeaseNumber,
    ) -> None:
        """Write the outcome, the record, the health snapshot and the messages, in one transaction.

        The record is written only over one with a lower fence; one that is as before is not
        touched. The latest event becomes the health snapshot. Repeating a finish of the same
        holder after a lost reply changes nothing and is fine.
        """

    async def raise_fences(self, above: Fence) -> bool:
        """Let no operation ever get an id up to this one; return whether one could have.

        A database restored from a backup would repeat the fences that containers carry.
        """

    async def open_operation(self, game_id: GameId) -> Operation | None:
        """Return the game's open operation; there is at most one."""

    async def open_operations(self) -> Sequence[Operation]:
        """Return every open operation, oldest first."""

    async def handed_over(self) -> Mapping[Fence, GameId]:
        """Return the ids and games of the open operations that were handed over, oldest first.

        Those of a process that died are not among them.
        """

    async def find_by_job(self, kind: OperationKind, entry_id: str) -> Operation | None:
        """Return the operation that a job of the lobby became; None when it is not recorded."""
