"""Handing events to everybody who follows them: one reader, many subscriptions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.insight.event_subscription import PAGE, Delivery, Mark, Subscription
from rtmanager.domain.insight.operator_events import EventId
from rtmanager.domain.ports.operator_events import EventsLost, EventsPage, OperatorEvents

MAX_SUBSCRIPTIONS = 500


class EventFeed:
    """Reads events once for all subscriptions, while there are any.

    `advance` is one round of that. A new subscription first reads what it has missed for itself,
    and drops what it gets twice; ids tell.
    """

    def __init__(self, log: OperatorEvents) -> None:
        self.log = log
        self._subscriptions: set[Subscription] = set()
        self._wanted = asyncio.Event()
        self._position: EventId | None = None
        self._is_closed = False

    def __len__(self) -> int:
        """Return the number of subscriptions."""
        return len(self._subscriptions)

    @asynccontextmanager
    async def subscribed(
        self, after: str | None, *, most: int = MAX_SUBSCRIPTIONS
    ) -> AsyncIterator[Subscription]:
        """Follow the events after this id, or from now, during the block.

        Raises ServiceUnavailable when there are `most` subscriptions, or the service stops.
        """
        if self._is_closed:
            raise ServiceUnavailable("the service is shutting down; connect again")
        if len(self) >= most:
            raise ServiceUnavailable(
                f"{most} streams of events are open, the most at once; "
                "close some, or connect again later"
            )
        subscription = Subscription(self.log)
        self._subscriptions.add(subscription)
        try:
            await self._begin(subscription, after)
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            if not self._subscriptions:
                self._wanted.clear()
                self._position = None

    async def wanted(self) -> None:
        """Wait until somebody follows the events."""
        await self._wanted.wait()

    async def advance(self) -> EventsPage | None:
        """Read the next events and hand them out; None while nobody follows them."""
        position = self._position
        if position is None:
            return None
        try:
            page = await self.log.read(position, limit=PAGE)
        except EventsLost:
            page = EventsPage((), await self.log.latest(), has_more=True)
            self._hand_out(Delivery(page.last, mark=Mark.RESET))
        else:
            self._hand_out(Delivery(page.last, page.events))
        self._position = page.last if self._subscriptions else None
        return page

    def close(self) -> None:
        """End all subscriptions, and admit no more."""
        self._is_closed = True
        for each in self._subscriptions:
            each.end()

    async def _begin(self, subscription: Subscription, after: str | None) -> None:
        now = await self.log.latest()
        # The first position counts: a later one would leave out what others wait for.
        self._position = self._position or now
        self._wanted.set()
        await subscription.begin(now, after)

    def _hand_out(self, delivery: Delivery) -> None:
        if delivery.events or delivery.mark:
            for each in self._subscriptions:
                each.put(delivery)
