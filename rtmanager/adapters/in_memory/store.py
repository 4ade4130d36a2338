"""The durable store in memory: its tables, and the ports for records and health."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rtmanager.adapters.in_memory.outbox import OutboxTable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.messages import OutboxMessage, health_message
from rtmanager.domain.operation import Fence, LeaseNumber, Operation
from rtmanager.domain.ports.health_log import Baseline, Watch
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


@dataclass
class InMemoryStore:
    """What the database holds, open to inspection.

    `leases` are the highest numbers seen, `holders` the lease numbers that may write each
    operation, `handed_over` the handed-over operations. Ids up to `fences_up_to` are not assigned.
    """

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
        """Every message ever written, oldest first."""
        return self.outbox_table.messages


@dataclass(frozen=True)
class InMemoryRuntimeRecords:
    """RuntimeRecords in memory."""

    store: InMemoryStore

    async def get(self, game_id: GameId) -> RuntimeRecord | None:
        """Return the game's record, None when it was never started."""
        return self.store.runtime_records.get(game_id)

    async def list(self) -> Sequence[RuntimeRecord]:
        """Return every record of any status, ordered by game id."""
        return [record for _, record in sorted(self.store.runtime_records.items())]

    async def ping(self) -> None:
        """Answer."""


@dataclass(frozen=True)
class InMemoryHealthLog:
    """HealthLog in memory."""

    store: InMemoryStore

    async def baselines(self, watch: Watch) -> Mapping[GameId, Baseline]:
        """Return the watcher's baselines by game."""
        every = self.store.health_baselines.values()
        return {each.game_id: each for each in every if each.watch is watch}

    async def note(self, baseline: Baseline, event: HealthEvent | None = None) -> bool:
        """Store the baseline and the event if the game still runs in that container."""
        if not self._still_runs(baseline):
            return False
        self.store.health_baselines[baseline.game_id, baseline.watch] = baseline
        if event:
            self.store.health_snapshots[event.game_id] = event
            self.store.outbox_table.insert([health_message(event)], at=event.occurred_at)
        return True

    def _still_runs(self, baseline: Baseline) -> bool:
        record = self.store.runtime_records.get(baseline.game_id)
        if record is None or record.status is not RuntimeStatus.RUNNING:
            return False
        return record.current_container_id == baseline.container_id
