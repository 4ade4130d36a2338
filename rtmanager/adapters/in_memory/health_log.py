"""The health log in memory, on the same store as records and operations."""

from collections.abc import Mapping
from dataclasses import dataclass

from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.outbox import health_message
from rtmanager.domain.ports.health_log import Baseline, Watch
from rtmanager.domain.runtime import RuntimeStatus


@dataclass(frozen=True)
class InMemoryHealthLog:
    """HealthLog in memory. Gates: `health.` and the name of the method."""

    store: InMemoryStore

    async def baselines(self, watch: Watch) -> Mapping[GameId, Baseline]:
        """Return the watcher's baselines by game."""
        await self.store.gate("health.baselines")
        every = self.store.health_baselines.values()
        baselines = {each.game_id: each for each in every if each.watch is watch}
        await self.store.gate("health.baselines:done")
        return baselines

    async def note(self, baseline: Baseline, event: HealthEvent | None = None) -> bool:
        """Store the baseline and the event while the game runs in that very container."""
        await self.store.gate("health.note")
        noted = self._still_runs(baseline)
        if noted:
            self._note(baseline, event)
        await self.store.gate("health.note:done")
        return noted

    async def latest(self, game_id: GameId) -> HealthEvent | None:
        """Return the game's health snapshot."""
        await self.store.gate("health.latest")
        event = self.store.health_snapshots.get(game_id)
        await self.store.gate("health.latest:done")
        return event

    def _still_runs(self, baseline: Baseline) -> bool:
        record = self.store.runtime_records.get(baseline.game_id)
        if record is None or record.status is not RuntimeStatus.RUNNING:
            return False
        return record.current_container_id == baseline.container_id

    def _note(self, baseline: Baseline, event: HealthEvent | None) -> None:
        self.store.health_baselines[baseline.game_id, baseline.watch] = baseline
        if event:
            self.store.health_snapshots[event.game_id] = event
            self.store.outbox_table.insert([health_message(event)], at=event.occurred_at)
