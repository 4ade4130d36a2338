"""Deleting what operators were told long ago."""

from dataclasses import dataclass
from datetime import timedelta

from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.operator_events import OperatorEvents

KEPT_FOR = timedelta(days=1)
MOST_KEPT = 100_000
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class PruneEvents:
    """Deletes old events batch by batch, and the oldest of too many."""

    events: OperatorEvents
    clock: Clock

    async def run(self) -> str:
        """Delete what is no longer kept and return how much; empty when nothing was."""
        before, pruned = self.clock.now() - KEPT_FOR, 0
        while gone := await self.events.prune(before=before, most=MOST_KEPT, limit=BATCH):
            pruned += gone
        return f"{pruned} old events removed" if pruned else ""
