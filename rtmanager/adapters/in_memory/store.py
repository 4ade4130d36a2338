"""The durable store in memory, with the transactions and the errors of the Postgres one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.adapters.in_memory.outbox_table import OutboxTable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.operation import Fence, LeaseNumber, Operation
from rtmanager.domain.outbox import OutboxMessage
from rtmanager.domain.ports.health_log import Baseline, Watch
from rtmanager.domain.runtime import RuntimeRecord

__all__ = ["InMemoryOperationJournal", "InMemoryRuntimeRecords", "InMemoryStore"]


@dataclass
class InMemoryStore:
    """What the database holds, open to inspection, and the two ports onto it.

    `leases` are the highest numbers seen, `holders` who may write which operation, `handed_over`
    the operations that were left to the next holder. No id up to `fences_up_to` is given.
    """

    gate: Gate = open_gate
    runtime_records: dict[GameId, RuntimeRecord] = field(default_factory=dict)
    operations: dict[Fence, Operation] = field(default_factory=dict)
    leases: dict[GameId, LeaseNumber] = field(default_factory=dict)
    holders: dict[Fence, LeaseNumber] = field(default_factory=dict)
    handed_over: set[Fence] = field(default_factory=set)
    lost_at: dict[Fence, int] = field(default_factory=dict)
    fences_up_to: int = 0
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
    def journal(self) -> InMemoryOperationJournal:
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
