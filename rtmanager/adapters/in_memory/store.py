"""The durable store in memory: its tables, and the ports for records and health."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from rtmanager.adapters.in_memory.operator_events import EventTable
from rtmanager.adapters.in_memory.outbox import OutboxTable
from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthObservation
from rtmanager.domain.insight.operator_events import HealthChange, OperationProgress
from rtmanager.domain.messages import OutboxMessage, health_message
from rtmanager.domain.operation import Fence, LeaseNumber, Operation
from rtmanager.domain.ports.engine_health import KnownHealth
from rtmanager.domain.ports.health_log import Baseline, Watch
from rtmanager.domain.ports.runtime_records import PAGE
from rtmanager.domain.reconciliation.drift_findings import Finding
from rtmanager.domain.runtime import ListedRecord, RuntimeRecord, RuntimeStatus


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
    engine_health: dict[GameId, HealthObservation] = field(default_factory=dict)
    probed_at: datetime | None = None
    outbox_table: OutboxTable = field(default_factory=OutboxTable)
    event_table: EventTable = field(default_factory=EventTable)
    present_drift: list[Finding] = field(default_factory=list)

    def put_operation(self, operation: Operation) -> None:
        """Write the operation, and tell operators about it."""
        self.operations[operation.id] = operation
        self.event_table.add(operation.game_id, OperationProgress.of(operation))

    def put_health(self, event: HealthEvent) -> None:
        """Write the game's health snapshot, and tell operators about it."""
        self.health_snapshots[event.game_id] = event
        self.event_table.add(event.game_id, HealthChange.of(event))

    @property
    def outbox(self) -> list[OutboxMessage]:
        """Every message ever written, oldest first."""
        return self.outbox_table.messages

    def observe(self, observation: HealthObservation) -> None:
        """Store the observation if the game still runs in that container."""
        game_id, before = observation.game_id, self.engine_health.get(observation.game_id)
        is_late = (
            before is not None
            and before.container_id == observation.container_id
            and before.checked_at > observation.checked_at
        )
        if not self.runs(game_id, observation.container_id) or is_late:
            return
        self.engine_health[game_id] = observation
        if before is None or not before.is_same_state(observation):
            change = HealthChange.observed(healthy=observation.healthy, error=observation.error)
            self.event_table.add(game_id, change)

    def runs(self, game_id: GameId, container_id: ContainerId) -> bool:
        """Return whether the game's record is `running` in this container."""
        record = self.runtime_records.get(game_id)
        if record is None or record.status is not RuntimeStatus.RUNNING:
            return False
        return record.current_container_id == container_id


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

    @asynccontextmanager
    async def pages(self, size: int = PAGE) -> AsyncIterator[AsyncIterator[Sequence[ListedRecord]]]:
        """Yield every record in pages, as of now."""
        yield _pages_of(await self.list(), size)

    async def ping(self) -> None:
        """Answer."""


async def _pages_of(
    records: Sequence[RuntimeRecord], size: int
) -> AsyncIterator[Sequence[ListedRecord]]:
    for first in range(0, len(records), size):
        yield [ListedRecord.of(each) for each in records[first : first + size]]


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
        if not self.store.runs(baseline.game_id, baseline.container_id):
            return False
        self.store.health_baselines[baseline.game_id, baseline.watch] = baseline
        if event:
            self.store.put_health(event)
            self.store.outbox_table.insert([health_message(event)], at=event.occurred_at)
        return True

    async def observations(self) -> Mapping[GameId, HealthObservation]:
        """Return the latest observation of every game."""
        return dict(self.store.engine_health)

    async def observe(self, changes: Sequence[HealthObservation], *, round_at: datetime) -> None:
        """Store what a round of probes has changed, and when it began."""
        for each in changes:
            self.store.observe(each)
        self.store.probed_at = max(self.store.probed_at or round_at, round_at)


@dataclass(frozen=True)
class InMemoryEngineHealth:
    """EngineHealth in memory."""

    store: InMemoryStore

    async def of(self, game_id: GameId) -> KnownHealth:
        """Return what is stored about the game."""
        baselines = self.store.health_baselines.values()
        return KnownHealth(
            observation=self.store.engine_health.get(game_id),
            baselines=tuple(each for each in baselines if each.game_id == game_id),
            last_event=self.store.health_snapshots.get(game_id),
            probed_at=self.store.probed_at,
        )

    async def all(self) -> Mapping[GameId, KnownHealth]:
        """Return what is stored about every game."""
        return {game_id: await self.of(game_id) for game_id in self.store.runtime_records}
