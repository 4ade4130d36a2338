"""One subscriber's events: those that it has missed, then those that happen."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rtmanager.domain.insight.operator_events import EventId, OperatorEvent
from rtmanager.domain.ports.operator_events import EventsLost, EventsPage, OperatorEvents

PAGE = 500
"""Events that are read at once."""

MAX_WAITING = 2_000
"""Events that may wait for one subscriber; whoever reads more slowly has to come again."""


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
