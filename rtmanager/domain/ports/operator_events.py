"""The log of what operators are told; written with what it reports, never on its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rtmanager.domain.insight.operator_events import EventId, OperatorEvent


class EventsLost(Exception):
    """Events after this id may be gone: it was pruned, or is of another database."""


@dataclass(frozen=True, slots=True)
class EventsPage:
    """Some events in order. `last` is where to continue.

    `has_more` when others can be read now, `waits` when some are committed that cannot: an older
    transaction still runs, and its events will be before them.
    """

    events: Sequence[OperatorEvent]
    last: EventId
    has_more: bool = False
    waits: bool = False


class OperatorEvents(Protocol):
    """The events, in an order that never changes. Every method raises ServiceUnavailable.

    The operation journal writes them when an operation begins, is saved, is handed over or
    finishes, and for each row of a refusal; the health log and the drift log with each change.
    """

    async def latest(self) -> EventId:
        """Return the id of now: what `read` returns after it is what happens from now on."""

    async def read(self, after: EventId, *, limit: int) -> EventsPage:
        """Return the next events; no later call returns one before them.

        Raises EventsLost when the event with this id is not in the log.
        """

    def wakeups(self) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """Yield whenever a process has committed events; spurious wakeups are possible.

        The iterator raises ServiceUnavailable when the connection to the store is lost.
        """

    async def prune(self, *, before: datetime, most: int, limit: int) -> int:
        """Delete at most `limit` of the oldest events; return how many.

        Those from before this time, and those with more than about `most` after them. The latest
        event stays.
        """
