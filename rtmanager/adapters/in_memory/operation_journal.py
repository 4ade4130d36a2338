"""The operation journal in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rtmanager.adapters.in_memory.log_retention import prune
from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.messages import OutboxMessage
from rtmanager.domain.operation import (
    Fence,
    LeaseNumber,
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
)
from rtmanager.domain.ports.game_lease import NO_LEASE, LeaseLost
from rtmanager.domain.ports.operation_journal import (
    Admission,
    Applicant,
    Begun,
    Decided,
    JobAlreadyRecorded,
    Ledger,
    LogRetention,
    OperationStillOpen,
    PrunedPage,
)
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True)
class InMemoryOperationJournal:
    """OperationJournal in memory.

    Each call takes effect in one step without an await: a transaction is never half visible.
    """

    store: InMemoryStore

    async def begin(
        self, applicants: Sequence[Applicant], *, lease: LeaseNumber, at: datetime
    ) -> Sequence[Begun | None]:
        """Read the record, decide, insert the operations and the admissions' messages."""
        game_id = applicants[0].request.game_id
        self._demand_latest(game_id, lease)
        if self._open(game_id):
            raise OperationStillOpen
        ledger = Ledger(self.store.runtime_records.get(game_id), self._namesake(game_id))
        # All of them first: nothing is written if one raises.
        decided = self._decide(applicants, ledger)
        self.store.leases[game_id] = lease
        return [
            None if admission is None else self._begin(request, admission, ledger.record, lease, at)
            for request, admission in decided
        ]

    def _decide(
        self, applicants: Sequence[Applicant], ledger: Ledger
    ) -> list[tuple[OperationRequest, Admission | None]]:
        """Return the decisions up to the first that begins an operation; None is an old job's."""
        decided: list[tuple[OperationRequest, Admission | None]] = []
        for each in applicants:
            admission = None if self._is_recorded(each.request) else each(ledger)
            decided.append((each.request, admission))
            if admission is not None and admission.completion is None:
                break
        return decided

    def _begin(
        self,
        request: OperationRequest,
        admission: Admission,
        record: RuntimeRecord | None,
        lease: LeaseNumber,
        at: datetime,
    ) -> Begun:
        operation = self._insert(request, admission, record, at)
        self.store.holders[operation.id] = lease
        return Begun(operation, record)

    def _namesake(self, game_id: GameId) -> GameId | None:
        others = [*self.store.runtime_records, *(each.game_id for each in self._all_open())]
        return next((it for it in others if _dns(it) == _dns(game_id) and it != game_id), None)

    async def refuse(
        self,
        request: OperationRequest,
        completion: Completion,
        messages: Sequence[OutboxMessage],
    ) -> None:
        """Insert a finished operation and its messages."""
        if self._is_recorded(request):
            raise JobAlreadyRecorded
        admission = Admission(completion=completion, messages=messages)
        self._insert(request, admission, None, completion.at)

    async def conclude(
        self, decided: Sequence[Decided], record: RuntimeRecord | None, *, at: datetime
    ) -> Sequence[Begun]:
        """Insert the finished operations and their messages, if the record is the game's."""
        game_id = decided[0][0].game_id
        if self._open(game_id) or self.store.runtime_records.get(game_id) != record:
            return []
        if any(self._is_recorded(request) for request, _ in decided):
            raise JobAlreadyRecorded
        return [
            Begun(self._insert(request, admission, record, at), record)
            for request, admission in decided
        ]

    def _insert(
        self,
        request: OperationRequest,
        admission: Admission,
        before: RuntimeRecord | None,
        at: datetime,
    ) -> Operation:
        operation = Operation(
            id=Fence(self._highest_id() + 1),
            request=request,
            started_at=at,
            predecessor=admission.predecessor,
            trace_id=admission.trace_id,
        )
        if admission.completion:
            operation = _completed(operation, admission.completion, before)
        self.store.put_operation(operation)
        self.store.outbox_table.insert(admission.messages, at=at)
        return operation

    def _is_recorded(self, request: OperationRequest) -> bool:
        known = ((each.kind, each.request.origin) for each in self.store.operations.values())
        job = (request.kind, request.origin)
        return request.origin.source is OpSource.LOBBY_STREAM and job in known

    async def take_over(self, game_id: GameId, *, lease: LeaseNumber) -> Begun | None:
        """Become the holder of the game's open operation, if there is one."""
        self._demand_latest(game_id, lease)
        self.store.leases[game_id] = lease
        operation = self._open(game_id)
        if operation is None:
            return None
        is_another = self.store.holders.get(operation.id) != lease
        is_lost = is_another and operation.id not in self.store.handed_over
        if is_lost:
            stuck = self.store.lost_at.get(operation.id) == operation.progress
            self.store.lost_at[operation.id] = operation.progress
            suspects = [each for each in self._all_open() if each.id not in self.store.handed_over]
            blame = 1 / len(suspects)
            operation = replace(operation, lost=operation.lost + blame if stuck else blame)
        self.store.operations[operation.id] = operation
        self.store.holders[operation.id] = lease
        self.store.handed_over.discard(operation.id)
        return Begun(operation.taken_over(), self.store.runtime_records.get(game_id))

    async def save(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write the open operation's phase, cause and steps."""
        stored = self._demand_holder(operation, lease)
        self.store.put_operation(_progressed(stored, operation))
        self.store.handed_over.discard(stored.id)

    async def hand_over(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write them, and that no process counts as lost when the next holder takes over."""
        await self.save(operation, lease=lease)
        self.store.handed_over.add(operation.id)

    async def finish(
        self,
        operation: Operation,
        completion: Completion,
        messages: Sequence[OutboxMessage],
        *,
        lease: LeaseNumber,
    ) -> None:
        """Write the outcome, the record, the health snapshot and the messages."""
        if self._finished_before(operation, lease):
            return
        stored = _progressed(self._demand_holder(operation, lease), operation)
        before = self.store.runtime_records.get(operation.game_id)
        record = completion.record
        if record and record != before:
            self._demand_higher_fence(record, before)
            self.store.runtime_records[record.game_id] = record
        self.store.put_operation(_completed(stored, completion, before))
        if event := completion.latest_event:
            self.store.put_health(event)
        if completion.observation:
            self.store.observe(completion.observation)
        self.store.outbox_table.insert(messages, at=completion.at)

    def _finished_before(self, operation: Operation, lease: LeaseNumber) -> bool:
        stored = self.store.operations.get(operation.id)
        if stored is None or stored.outcome is None or stored.game_id != operation.game_id:
            return False
        return self.store.holders.get(operation.id) == lease

    def _demand_holder(self, operation: Operation, lease: LeaseNumber) -> Operation:
        """Return the row if it is open and this holder's, or raise LeaseLost."""
        stored = self.store.operations.get(operation.id)
        is_ours = self.store.holders.get(operation.id) == lease
        if stored and stored.outcome is None and stored.game_id == operation.game_id and is_ours:
            return stored
        raise self._lease_lost(operation.game_id)

    def _demand_higher_fence(self, record: RuntimeRecord, before: RuntimeRecord | None) -> None:
        if before and before.fence >= record.fence:
            raise self._lease_lost(record.game_id)

    def _demand_latest(self, game_id: GameId, lease: LeaseNumber) -> None:
        if lease < self.store.leases.get(game_id, NO_LEASE):
            raise self._lease_lost(game_id)

    def _lease_lost(self, game_id: GameId) -> LeaseLost:
        return LeaseLost(highest=self.store.leases.get(game_id, NO_LEASE))

    async def raise_fences(self, above: Fence) -> bool:
        """Make all future ids higher than `above`."""
        is_to_be_feared = self._highest_id() < above
        self.store.fences_up_to = max(self.store.fences_up_to, above)
        return is_to_be_feared

    def _highest_id(self) -> int:
        return max(self.store.fences_up_to, next(reversed(self.store.operations), 0))

    async def prune(self, retention: LogRetention, *, after: Fence, limit: int) -> PrunedPage:
        """Delete those of the next operations that need not stay."""
        return prune(self.store, retention, after=after, limit=limit)

    async def open_operation(self, game_id: GameId) -> Operation | None:
        """Return the game's open operation."""
        return self._open(game_id)

    def _open(self, game_id: GameId) -> Operation | None:
        return next((each for each in self._all_open() if each.game_id == game_id), None)

    async def open_operations(self) -> Sequence[Operation]:
        """Return every open operation, oldest first."""
        return self._all_open()

    async def handed_over(self) -> Mapping[Fence, GameId]:
        """Return the ids and games of the handed-over operations, oldest first."""
        left = (each for each in self._all_open() if each.id in self.store.handed_over)
        return {each.id: each.game_id for each in left}

    def _all_open(self) -> list[Operation]:
        return [each for each in self.store.operations.values() if each.outcome is None]

    async def find_by_job(self, kind: OperationKind, entry_id: str) -> Operation | None:
        """Return the operation of a job."""
        origin = Origin(OpSource.LOBBY_STREAM, entry_id)
        jobs = (one for one in self.store.operations.values() if one.request.origin == origin)
        return next((one for one in jobs if one.kind is kind), None)


def _progressed(stored: Operation, now: Operation) -> Operation:
    return replace(stored, phase=now.phase, cause=now.cause, steps=now.steps)


def _completed(
    operation: Operation, completion: Completion, before: RuntimeRecord | None
) -> Operation:
    cause = completion.cause
    return replace(
        operation,
        container_id=_container_of(completion, before),
        outcome=completion.outcome,
        error_code=cause.code if cause else None,
        error_message=(cause.message or None) if cause else None,
        details=dict(completion.details),
        finished_at=completion.at,
    )


def _container_of(completion: Completion, before: RuntimeRecord | None) -> ContainerId | None:
    now = completion.record.current_container_id if completion.record else None
    return now or (before.current_container_id if before else None)


def _dns(game_id: GameId) -> str:
    """Return the id as a name in Docker's DNS."""
    return game_id.rstrip(".").lower()
