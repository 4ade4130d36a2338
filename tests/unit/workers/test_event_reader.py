import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.operator_events import EventTable, InMemoryOperatorEvents
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.event_feed import EventFeed
from rtmanager.domain.insight.event_subscription import Subscription
from rtmanager.domain.insight.health import HealthState
from rtmanager.domain.insight.operator_events import EventId, HealthChange
from rtmanager.domain.ports.operator_events import EventsPage
from rtmanager.workers.event_reader import HELD_UP_AFTER, LULL, MAX_NAP, EventReader
from tests.unit.workers.turns import running, turns, until


class Stand:
    """A reader whose clock stands still until the test moves it."""

    def __init__(self) -> None:
        self.table = EventTable()
        self.clock = ManualClock(auto=False)
        self.calls: list[str] = []
        self.away: set[str] = set()
        log = with_faults(InMemoryOperatorEvents(self.table), "log", self._fault)
        self.feed = EventFeed(log)
        self.reader = EventReader(self.feed, self.clock)

    async def _fault(self, call: str) -> None:
        self.calls.append(call)
        if call in self.away:
            raise ServiceUnavailable

    def happen(self) -> None:
        """Write an event."""
        self.table.add(GameId("g1"), HealthChange(state=HealthState.HEALTHY))

    async def pass_time(self, seconds: float) -> None:
        """Advance the clock in small steps."""
        for _ in range(round(seconds / LULL) + 1):
            self.clock.advance(LULL)
            await turns(20)

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[Subscription]:
        """Follow the events with the reader running, and wait until it is asleep."""
        async with running(self.reader.run()), self.feed.subscribed(None) as subscription:
            await subscription.receive()
            await until(lambda: bool(self.table.listeners))
            await self.pass_time(3 * LULL)
            yield subscription


@pytest.fixture
def stand() -> Stand:
    """Return a reader that does not run yet."""
    return Stand()


async def test_event_is_handed_out_as_soon_as_it_is_committed(stand: Stand) -> None:
    """No time passes between."""
    async with stand.followed() as subscription:
        stand.happen()

        async with asyncio.timeout(5):
            assert await subscription.receive()


async def test_without_wakeups_events_are_read_once_a_second(stand: Stand) -> None:
    """The connection that listens may be lost; the events are not."""
    async with stand.followed() as subscription:
        listeners, stand.table.listeners = stand.table.listeners, []
        stand.happen()
        waiting = asyncio.create_task(subscription.receive())
        await turns(50)
        assert not waiting.done()
        await stand.pass_time(MAX_NAP)
        stand.table.listeners = listeners

        assert waiting.done()
        assert waiting.result()


async def test_nothing_is_asked_while_nobody_follows(stand: Stand) -> None:
    """A replica that no page looks at reads nothing."""
    async with running(stand.reader.run()):
        await stand.pass_time(3)

    assert stand.calls == []


async def test_many_events_are_handed_out_together(stand: Stand) -> None:
    """However fast they come, there is a lull between two reads."""
    async with stand.followed():
        before = stand.calls.count("log.read")
        for _ in range(100):
            stand.happen()
            await turns(5)

    assert stand.calls.count("log.read") - before <= 2


async def test_outage_is_survived(stand: Stand) -> None:
    """Subscribers wait, and then get everything."""
    async with stand.followed() as subscription:
        stand.away.add("log.read")
        stand.happen()
        await stand.pass_time(2 * MAX_NAP)
        assert stand.reader.status.failures_in_a_row
        stand.away.clear()
        await stand.pass_time(2 * MAX_NAP)

        async with asyncio.timeout(5):
            delivery = await subscription.receive()
        assert delivery is not None
        assert len(delivery.events) == 1


class HeldUp(InMemoryOperatorEvents):
    """A log in which events wait for an older transaction until it ends."""

    is_held_up = True

    async def read(self, after: EventId, *, limit: int) -> EventsPage:
        """Return nothing, while others wait."""
        if self.is_held_up:
            return EventsPage((), after, has_more=False, waits=True)
        return await super().read(after, limit=limit)


async def test_events_that_are_held_up_for_long_are_a_failure_of_the_reader(stand: Stand) -> None:
    """Operators see why their pages stand still; after that transaction, all events come."""
    log = HeldUp(stand.table)
    stand.feed.log = log
    async with stand.followed() as subscription:
        stand.happen()
        await stand.pass_time(HELD_UP_AFTER - 2)
        before = stand.reader.status.failures_in_a_row
        await stand.pass_time(4)
        held_up = stand.reader.status.failures_in_a_row, stand.reader.status.last_error
        log.is_held_up = False
        await stand.pass_time(2 * MAX_NAP)
        delivery = await subscription.receive()

    assert before == 0
    assert held_up[0] > 0
    assert "pg_stat_activity" in held_up[1]
    assert delivery is not None
    assert stand.reader.status.failures_in_a_row == 0
