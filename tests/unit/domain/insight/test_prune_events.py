from datetime import timedelta

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.operator_events import EventTable, InMemoryOperatorEvents
from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.health import HealthState
from rtmanager.domain.insight.operator_events import HealthChange
from rtmanager.domain.insight.prune_events import BATCH, KEPT_FOR, MOST_KEPT, PruneEvents


def table_of(count: int) -> EventTable:
    """Return a log with so many events, all of the same moment or nearly."""
    table = EventTable(kept=10 * MOST_KEPT)
    for _ in range(count):
        table.add(GameId("g1"), HealthChange(state=HealthState.HEALTHY))
    return table


async def test_events_of_a_day_ago_go() -> None:
    """Batch by batch, all but the latest."""
    clock = ManualClock()
    table = table_of(2 * BATCH)
    cycle = PruneEvents(InMemoryOperatorEvents(table), clock)
    assert await cycle.run() == ""
    clock.advance((KEPT_FOR + timedelta(hours=1)).total_seconds())

    assert await cycle.run() == f"{2 * BATCH - 1} old events removed"
    assert len(table.events) == 1
    assert await cycle.run() == ""
