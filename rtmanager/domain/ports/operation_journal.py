"""The write side of the durable store: the transactions of the operation protocol."""

from collections.abc import Mapping, Sequence
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
from rtmanager.domain.ports.job_stream import JobKind
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The decision on a request before any effect; without a completion the operation begins.

    `trace_id` is the trace in which it begins, if traces are exported.
    """

    completion: Completion | None = None
    predecessor: Predecessor | None = None
    messages: Sequence[OutboxMessage] = ()
    trace_id: str | None = None


Decided = tuple[OperationRequest, Admission]
"""A request and the decision on it."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the store knows about a game when a request begins.

    `namesake` is another game whose id is the same name in Docker's DNS.
    """

    record: RuntimeRecord | None
    namesake: GameId | None = None


class Applicant(Protocol):
    """A request and its rule, which decides from the ledger without any effect on the game."""

    @property
    def request(self) -> OperationRequest:
        """What is asked for."""

    def __call__(self, ledger: Ledger, /) -> Admission:
        """Decide on the request."""


class OperationStillOpen(ServiceUnavailable):
    """an earlier operation on this game is still open and must be finished first."""


class JobAlreadyRecorded(Conflict):
    """this job was recorded before; its outcome is in the operation log."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The operation, open or finished, and the record as the transaction saw it."""

    operation: Operation
    record: RuntimeRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRetention:
    """Which finished operations have to stay in the log.

    Those that finished since `finished_before`, and the last `kept_per_game` of each game whose
    record is not `removed`. Also jobs that finished since `jobs_finished_before`, and those whose
    entry is not older than the oldest one of its stream; of an empty stream that is None.
    """

    finished_before: datetime
    kept_per_game: int
    jobs_finished_before: datetime
    oldest_jobs: Mapping[JobKind, str | None]


@dataclass(frozen=True, slots=True)
class PrunedPage:
    """How many operations of a page were deleted, and its last id; None if no page follows."""

    deleted: int
    last: Fence | None


class OperationJournal(Protocol):
    """The operation log, and everything written together with it.

    Every method may raise ServiceUnavailable; the transaction may or may not have happened then.
    Those that take a lease number raise LeaseLost, changing nothing, when a later holder of the
    game's lease is known, even if the earlier one still believes it holds the lease.
    """

    async def begin(
        self, applicants: Sequence[Applicant], *, lease: LeaseNumber, at: datetime
    ) -> Sequence[Begun | None]:
        """Read the game's record, decide on its applicants in order, insert their operation rows.

        All in one transaction, with the record locked. An admission with a completion (replay,
        refusal) inserts a finished row, one without inserts an open row, which is the intent: later
        applicants must wait for its end, are not called and have no place in the result. A job of
        the lobby that is in the log by its kind and entry is not called either, and its place is
        None. The admissions' messages are inserted in the same order.

        Nothing is written if an applicant raises. Raises OperationStillOpen, without writing or
        calling any, when the game has an open operation. Raises JobAlreadyRecorded, writing
        nothing, when a job got into the log meanwhile.
        """

    async def refuse(
        self,
        request: OperationRequest,
        completion: Completion,
        messages: Sequence[OutboxMessage],
    ) -> None:
        """Insert a finished row and its messages for a request that could not begin.

        Needs no lease and ignores an open operation: the row is never open itself. Raises
        JobAlreadyRecorded, writing nothing, when it is a job of the lobby that is in the log.
        """

    async def conclude(
        self, decided: Sequence[Decided], record: RuntimeRecord | None, *, at: datetime
    ) -> Sequence[Begun]:
        """Insert the finished rows of requests for one game that change nothing.

        Needs no lease: each has a completion, decided from the `record`. They and their messages
        are written only if there is a moment at which that is the game's record and the game has no
        open operation; otherwise nothing is written or returned. Raises JobAlreadyRecorded, writing
        nothing, when one is a job of the lobby that is in the log.
        """

    async def take_over(self, game_id: GameId, *, lease: LeaseNumber) -> Begun | None:
        """Become the holder of the game's open operation; None when there is none.

        Counts a lost process unless the previous holder has handed the operation over: in equal
        parts for all operations that are open and not handed over, starting from zero if this one
        has made progress since the last loss. In the returned operation, the result of what was in
        flight is unknown.
        """

    async def save(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write ahead: the open operation's current phase, cause and steps. May be repeated."""

    async def hand_over(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write the open operation as it is, and that no process is running it.

        The next `take_over` then counts no lost process. A holder that continues after all revokes
        this with its next `save`.
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

        The record only replaces one with a lower fence; an unchanged record is not written. The
        latest event becomes the health snapshot. The same holder may repeat a finish whose reply
        was lost; that changes nothing.
        """

    async def raise_fences(self, above: Fence) -> bool:
        """Make all future ids higher than this one; return whether that changed anything.

        A database restored from a backup would reuse the fences that containers have.
        """

    async def prune(self, retention: LogRetention, *, after: Fence, limit: int) -> PrunedPage:
        """Examine the next `limit` operations after this id; delete those that need not stay.

        An open operation stays. The highest lease number seen is forgotten with the last operation
        of a game that has no record. The last page is that which reaches operations that began
        after `finished_before`.
        """

    async def open_operation(self, game_id: GameId) -> Operation | None:
        """Return the game's open operation; there is at most one."""

    async def open_operations(self) -> Sequence[Operation]:
        """Return every open operation, oldest first."""

    async def handed_over(self) -> Mapping[Fence, GameId]:
        """Return the ids and games of the open operations that were handed over, oldest first.

        Operations of a process that died are not included.
        """

    async def find_by_job(self, kind: OperationKind, entry_id: str) -> Operation | None:
        """Return the operation of a job of the lobby; None when it is not recorded."""
