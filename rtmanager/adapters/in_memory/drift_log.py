"""The drift that is there, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.domain.insight.operator_events import DriftChange
from rtmanager.domain.reconciliation.drift_findings import Finding, came_and_went


@dataclass(frozen=True)
class InMemoryDriftLog:
    """DriftLog in memory."""

    store: InMemoryStore

    async def note(self, met: Sequence[Finding], *, left: Sequence[Finding]) -> None:
        """Store what a round has left, and tell operators what is new and what is gone."""
        new, gone = came_and_went(self.store.present_drift, met, left)
        self.store.present_drift = list(left)
        for is_present, findings in ((True, new), (False, gone)):
            for each in findings:
                self.store.event_table.add(each.drift.game_id, DriftChange(is_present, each))

    async def present(self) -> Sequence[Finding]:
        """Return what the last round has left."""
        return sorted(self.store.present_drift, key=lambda each: each.drift.game_id)
