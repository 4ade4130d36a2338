"""The log of what operators are told, in memory: the table, and a process's view of it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.operator_events import BEGINNING, Change, EventId, OperatorEvent
from rtmanager.domain.ports.operator_events import EventsLost, EventsPage

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class EventTable:
    """The last events, as many as `kept`; each is its own transaction. There is no clock."""

    events: list[OperatorEvent] = field(default_factory=list)
    listeners: list[asyncio.Event] = field(default_factory=list)
    kept: int = 100_000
    began: datetime = _BEGAN
    _written: int = field(default=0, init=False)

    def add(self, game_id: GameId, change: Change) -> None:
        """Add an event, and wake the listeners."""
        self._written += 1
        at = self.began + timedelta(milliseconds=self._written)
        id_ = EventId.of(self._written, self._written, at)
        self.events.append(OperatorEvent(id_, game_id, at, change))
        del self.events[: -self.kept]
        for listener in self.listeners:
            listener.set()


@dataclass(frozen=True)
class InMemoryOperatorEvents:
    """OperatorEvents in memory."""

    table: EventTable

    async def latest(self) -> EventId:
        """Return the id of now."""
        return self.table.events[-1].id if self.table.events else BEGINNING

    async def read(self, after: EventId, *, limit: int) -> EventsPage:
        """Return the next events."""
        events = self.table.events
        if after != BEGINNING and all(each.id != after for each in events):
            raise EventsLost
        following = [each for each in events if each.id > after]
        page = following[:limit]
        last = page[-1].id if page else after
        return EventsPage(page, last, has_more=len(following) > limit)

    @asynccontextmanager
    async def wakeups(self) -> AsyncIterator[AsyncIterator[None]]:
        """Listen to the table."""
        added = asyncio.Event()
        self.table.listeners.append(added)
        try:
            async with aclosing(_notified(added)) as notified:
                yield notified
        finally:
            self.table.listeners.remove(added)

    async def prune(self, *, before: datetime, most: int, limit: int) -> int:
        """Delete old events."""
        events = self.table.events
        rest = events[:-1][:limit]
        old = [each for each in rest if each.at < before or each.id.row <= events[-1].id.row - most]
        self.table.events = [each for each in events if each not in old]
        return len(old)


async def _notified(added: asyncio.Event) -> AsyncGenerator[None, None]:
    while True:
        await added.wait()
        added.clear()
        yield
