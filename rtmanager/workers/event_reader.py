"""Reading what operators are told as soon as it is committed, while somebody follows it."""

import asyncio
from dataclasses import dataclass, field

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.insight.event_feed import EventFeed
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.operator_events import EventsPage
from rtmanager.tasks import raise_if_cancelled
from rtmanager.workers.waking import nap, run_together
from rtmanager.workers.worker import WorkerStatus

MAX_NAP = 1.0
LULL = 0.04
"""Seconds between two reads: what happens meanwhile is handed out together, to all subscribers."""

HELD_UP_AFTER = 15.0
"""Seconds without an event while some wait; our own transactions end within ten."""

_HELD_UP = (
    "events are held up by a transaction that has been open for long in Postgres, in whichever "
    "database; pg_stat_activity shows it: the oldest backend_xid"
)


@dataclass(slots=True)
class EventReader:
    """Runs in every replica: reads and hands out, then sleeps until woken or for a second."""

    feed: EventFeed
    clock: Clock
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("event reader"), init=False)
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _waits_since: float | None = field(default=None, init=False)

    async def run(self) -> None:
        """Read until cancelled; when one of the two loops ends, the other does too."""
        loops = {"event wakeups": self._listen_for_ever(), "event reader": self._read_for_ever()}
        await run_together(loops)

    async def _listen_for_ever(self) -> None:
        while True:
            raise_if_cancelled()
            await self.feed.wanted()
            try:
                async with self.feed.log.wakeups() as wakeups:
                    self._woken.set()
                    async for _ in wakeups:
                        self._woken.set()
                        if not len(self.feed):
                            break
            except Exception as error:  # noqa: BLE001 - events are still read, once a second
                self.status.failed(self.clock.now(), error)
            await self.clock.sleep(MAX_NAP)

    async def _read_for_ever(self) -> None:
        pause = LULL
        while True:
            raise_if_cancelled()
            if not len(self.feed):
                self._waits_since = None
            await self.feed.wanted()
            self._woken.clear()
            try:
                page = await self.feed.advance()
                self._check(page)
            except Exception as error:  # noqa: BLE001 - subscribers wait until Postgres is back
                self.status.failed(self.clock.now(), error)
                page = None
            else:
                self.status.succeeded(self.clock.now())
            if page is not None and page.events:
                pause = LULL
            await self.clock.sleep(LULL)
            if page is None or not (page.has_more or page.waits):
                await nap(self.clock, MAX_NAP, self._woken)
            elif not page.has_more:
                # Nobody wakes us when the transaction that they wait for ends without an event.
                await nap(self.clock, pause, self._woken)
                pause = min(2 * pause, MAX_NAP)

    def _check(self, page: EventsPage | None) -> None:
        """Raise ServiceUnavailable if events have been waiting for long, and none has come."""
        if page is None or page.events or not page.waits:
            self._waits_since = None
            return
        now = self.clock.monotonic()
        self._waits_since = now if self._waits_since is None else self._waits_since
        if now - self._waits_since >= HELD_UP_AFTER:
            raise ServiceUnavailable(_HELD_UP)
