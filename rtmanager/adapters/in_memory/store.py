"""The durable store in memory, with the transactions and the errors of the Postgres one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.adapters.in_memory.outbox_table import OutboxTable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.operation import (
    Fence,
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
)
from rtmanager.domain.outbox import OutboxMessage
from rtmanager.domain.ports.health_log import Baseline, Watch
from rtmanager.domain.ports.operation_journal import (
    Begun,
    Decision,
    JobAlreadyRecorded,
    OperationResult,
    OperationStillOpen,
    OperationSuperseded,
    Verdict,
)
from rtmanager.domain.runtime import RuntimeRecord


@dataclass
class InMemoryStore:
    """What the database holds, open to inspection, and the two ports onto it.

    The effect of a call is one step without an await: nobody ever sees half of a transaction.
    """

    gate: Gate = open_gate
    runtime_records: dict[GameId, RuntimeRecord] = field(default_factory=dict)
    operations: dict[Fence, Operation] = field(default_factory=dict)
    health_snapshots: dict[GameId, HealthEvent] = field(default_factory=dict)
    health_baselines: dict[tuple[GameId, Watch], Baseline] = field(default_factory=dict)
    outbox_table: OutboxTable = field(default_factory=OutboxTable)

    @property
    def outbox(self) -> list[OutboxMessage]:
        """Every message that was ever written, oldest first."""
        return self.outbox_table.messages

    @property
    def records(self) -> "InMemoryRuntimeRecords":
        """The port that reads the records."""
        return InMemoryRuntimeRecords(self)

    @property
    def journal(self) -> "InMemoryOperationJournal":
        """The port that runs the transactions."""
        return InMemoryOperationJournal(self)


@dataclass(frozen=True)
class InMemoryRuntimeRecords:
    """RuntimeRecords in memory. Gates: `records.get`, `records.list`, `records.ping`."""

    store: InMemoryStore

    async def get(self, game_id: GameId) -> RuntimeRecord | None:
        """Return the game's record, None when it was never started."""
        await self.store.gate("records.get")
        record = self.store.runtime_records.get(game_id)
        await self.store.gate("records.get:done")
        return record

    async def list(self) -> Sequence[RuntimeRecord]:
        """Return every record of any status, ordered by game id."""
        await self.store.gate("records.list")
        records = [record for _, record in sorted(self.store.runtime_records.items())]
        await self.store.gate("records.list:done")
        return records

    async def ping(self) -> None:
        """Answer, unless the gate does not let it."""
        await self.store.gate("records.ping")
        await self.store.gate("records.ping:done")


@dataclass(frozen=True)
class InMemoryOperationJournal:
    """OperationJournal in memory. Gates: `store.` and the name of the method."""

    store: InMemoryStore

    async def begin(self, request: OperationRequest, decide: Decision, *, at: datetime) -> Begun:
        """Read the record, decide, insert the operation and the verdict's messages."""
        await self.store.gate("store.begin")
        begun = self._begin(request, decide, at)
        await self.store.gate("store.begin:done")
        return begun

    def _begin(self, request: OperationRequest, decide: Decision, at: datetime) -> Begun:
        if self._open(request.game_id):
            raise OperationStillOpen
        record = self.store.runtime_records.get(request.game_id)
        return Begun(self._insert(request, decide(record), at), record)

    async def refuse(self, request: OperationRequest, verdict: Verdict, *, at: datetime) -> None:
        """Insert a finished operation and its messages."""
        await self.store.gate("store.refuse")
        if verdict.outcome is None:
            raise ValueError("a refusal needs an outcome")
        self._insert(request, verdict, at)
        await self.store.gate("store.refuse:done")

    def _insert(self, request: OperationRequest, verdict: Verdict, at: datetime) -> Operation:
        self._demand_new_job(request)
        operation = Operation(
            id=Fence(max(self.store.operations, default=0) + 1),
            request=request,
            started_at=at,
            outcome=verdict.outcome,
            error_code=verdict.error_code,
            error_message=verdict.error_message,
            finished_at=at if verdict.outcome else None,
        )
        self.store.operations[operation.id] = operation
        self.store.outbox_table.insert(verdict.messages, at=at)
        return operation

    def _demand_new_job(self, request: OperationRequest) -> None:
        known = ((each.kind, each.request.origin) for each in self.store.operations.values())
        job = (request.kind, request.origin)
        if request.origin.source is OpSource.LOBBY_STREAM and job in known:
            raise JobAlreadyRecorded

    async def finish(self, result: OperationResult) -> None:
        """Write the outcome, the record, the health snapshot and the messages."""
        await self.store.gate("store.finish")
        self._finish(result)
        await self.store.gate("store.finish:done")

    def _finish(self, result: OperationResult) -> None:
        operation = self._demand_open(result)
        self.store.operations[operation.id] = replace(
            operation,
            container_id=result.container_id,
            outcome=result.outcome,
            error_code=result.error_code,
            error_message=result.error_message,
            steps=result.steps,
            details=dict(result.details),
            finished_at=result.finished_at,
        )
        if result.record:
            self.store.runtime_records[result.game_id] = result.record
        if event := result.latest_event:
            self.store.health_snapshots[result.game_id] = event
        self.store.outbox_table.insert(result.messages, at=result.finished_at)

    def _demand_open(self, result: OperationResult) -> Operation:
        operation = self.store.operations.get(result.operation_id)
        if operation is None or operation.outcome or operation.game_id != result.game_id:
            raise OperationSuperseded
        record = self.store.runtime_records.get(result.game_id)
        if record and record.fence >= result.operation_id:
            raise OperationSuperseded
        return operation

    async def open_operation(self, game_id: GameId) -> Operation | None:
        """Return the game's open operation."""
        await self.store.gate("store.open_operation")
        operation = self._open(game_id)
        await self.store.gate("store.open_operation:done")
        return operation

    def _open(self, game_id: GameId) -> Operation | None:
        return next((each for each in self._all_open() if each.game_id == game_id), None)

    async def open_operations(self) -> Sequence[Operation]:
        """Return every open operation, oldest first."""
        await self.store.gate("store.open_operations")
        operations = self._all_open()
        await self.store.gate("store.open_operations:done")
        return operations

    def _all_open(self) -> list[Operation]:
        return [each for each in self.store.operations.values() if each.outcome is None]

    async def of_job(self, kind: OperationKind, entry_id: str) -> Operation | None:
        """Return the operation that a job became."""
        await self.store.gate("store.of_job")
        origin = Origin(OpSource.LOBBY_STREAM, entry_id)
        jobs = (one for one in self.store.operations.values() if one.request.origin == origin)
        operation = next((one for one in jobs if one.kind is kind), None)
        await self.store.gate("store.of_job:done")
        return operation

    async def get(self, operation_id: Fence) -> Operation | None:
        """Return one operation."""
        await self.store.gate("store.get")
        operation = self.store.operations.get(operation_id)
        await self.store.gate("store.get:done")
        return operation

    async def history(self, game_id: GameId, *, limit: int) -> Sequence[Operation]:
        """Return the game's last operations, newest first."""
        await self.store.gate("store.history")
        newest_first = reversed(self.store.operations.values())
        operations = [each for each in newest_first if each.game_id == game_id][:limit]
        await self.store.gate("store.history:done")
        return operations
