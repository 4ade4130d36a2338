"""Handing events to everybody who follows them: one reader, many subscriptions."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.insight.operator_events import EventId, OperatorEvent
from rtmanager.domain.ports.operator_events import EventsLost, EventsPage, OperatorEvents

PAGE = 500
"""Events that are read at once."""

MAX_WAITING = 2_000
"""Events that may wait for one subscriber; whoever reads more slowly has to come again."""

MAX_SUBSCRIPTIONS = 500


class Mark(StrEnum):
    """What a subscriber has to know besides the events."""

    READY = "ready"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Events for one subscriber, in order; `id` is where to continue after them.

    With a mark there are none: the subscription begins now, or has to begin anew.
    """

    id: EventId
    events: Sequence[OperatorEvent] = ()
    mark: Mark | None = None


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
    ) -> AsyncIterator["Subscription"]:
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

    async def _begin(self, subscription: "Subscription", after: str | None) -> None:
        now = await self.log.latest()
        # The first position counts: a later one would leave out what others wait for.
        self._position = self._position or now
        self._wanted.set()
        await subscription.begin(now, after)

    def _hand_out(self, delivery: Delivery) -> None:
        if delivery.events or delivery.mark:
            for each in self._subscriptions:
                each.put(delivery)


@dataclass(eq=False)
class Subscription:
    """One subscriber's events: those that it has missed, then those that happen."""

    log: OperatorEvents
    _position: EventId | None = field(default=None, init=False)
    _mark: Mark | None = field(default=None, init=False)
    _is_behind: bool = field(default=False, init=False)
    _has_ended: bool = field(default=False, init=False)
    _waiting: deque[Delivery] = field(default_factory=deque, init=False)
    _count: int = field(default=0, init=False)
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    @property
    def position(self) -> EventId:
        """The id after which the next events are."""
        assert self._position is not None  # noqa: S101 - the feed begins it before anyone has it
        return self._position

    async def begin(self, now: EventId, after: str | None) -> None:
        """Begin after this id, or now; raises ServiceUnavailable."""
        self._position, self._mark = now, Mark.READY if after is None else Mark.RESET
        given = EventId.parse(after) if after is not None else None
        if given is not None:
            try:
                await self.log.read(given, limit=1)
            except EventsLost:
                return
            self._position, self._mark, self._is_behind = given, None, True

    async def receive(self) -> Delivery | None:
        """Wait for the next events; None at the end. May be cancelled, and called again.

        Raises ServiceUnavailable.
        """
        if self._mark is not None:
            mark, self._mark = self._mark, None
            return Delivery(self.position, mark=mark)
        while self._is_behind and not self._has_ended:
            if missed := await self._missed():
                return missed
        while delivery := await self._next():
            if new := self._new_part(delivery):
                return new
        return None

    def put(self, delivery: Delivery) -> None:
        """Add events; a subscriber for whom too many wait is given up."""
        self._waiting.append(delivery)
        self._count += len(delivery.events)
        self._woken.set()
        if self._count > MAX_WAITING:
            self.end()

    def end(self) -> None:
        """End the subscription."""
        self._has_ended = True
        self._waiting.clear()
        self._woken.set()

    async def _next(self) -> Delivery | None:
        while not (self._waiting or self._has_ended):
            self._woken.clear()
            await self._woken.wait()
        if not self._waiting:
            return None
        delivery = self._waiting.popleft()
        self._count -= len(delivery.events)
        return delivery

    async def _missed(self) -> Delivery | None:
        try:
            page = await self.log.read(self.position, limit=PAGE)
        except EventsLost:
            page = EventsPage((), await self.log.latest())
            self._position, self._is_behind = page.last, False
            return Delivery(page.last, mark=Mark.RESET)
        self._position, self._is_behind = page.last, page.has_more
        return Delivery(page.last, page.events) if page.events else None

    def _new_part(self, delivery: Delivery) -> Delivery | None:
        """Return what of the delivery has not been received yet."""
        if delivery.mark is None:
            if delivery.id <= self.position:
                return None
            events = [each for each in delivery.events if each.id > self.position]
            delivery = Delivery(delivery.id, events)
        self._position = delivery.id
        return delivery if delivery.events or delivery.mark else None
