"""Running the workers only in the replica that leads."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.leadership import Leadership
from rtmanager.tasks import cancel_and_wait, raise_if_cancelled
from rtmanager.workers.worker import Worker, WorkerStatus, in_background, log_death

logger = logging.getLogger(__name__)

CAMPAIGN_INTERVAL = 1.0
CONFIRM_INTERVAL = 1.0
PATIENCE = 20.0
"""Seconds for which a leader may be unable to work: the managers may be choosing theirs."""


@dataclass(slots=True)
class LeaderRunner:
    """Campaigns for the leadership; while it leads, every worker runs.

    Losing the leadership stops the workers immediately: another replica may lead by then. What
    they have begun in the background is finished here; the rest is left to the other.

    `ability` raises while this replica cannot do the work, although it reaches the store: a leader
    gives up then, and does not campaign until it can. Without it every replica can.
    """

    leadership: Leadership
    workers: Sequence[Worker]
    clock: Clock
    ability: Callable[[], Awaitable[None]] | None = None
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("leadership"), init=False)
    leads: bool = field(default=False, init=False)
    leads_since: datetime | None = field(default=None, init=False)
    _leaves: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _gives_up: bool = field(default=False, init=False)

    def hand_over(self) -> None:
        """Stop the workers and resign now, for good; a second call changes nothing."""
        self._leaves.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Campaign and lead in the background, until the hand-over or the end of the block."""
        leading = asyncio.create_task(self._run_until_hand_over(), name="leader")
        try:
            yield
        finally:
            self.hand_over()
            await leading

    async def run(self) -> None:
        """Campaign, lead, and campaign again, until cancelled; no error ends it."""
        while True:
            raise_if_cancelled()
            try:
                if self.ability is not None:
                    await self.ability()
                if await self.leadership.campaign():
                    await self._lead()
            except Exception as error:  # noqa: BLE001 - some replica has to lead
                self.status.failed(self.clock.now(), error)
            else:
                self.status.succeeded(self.clock.now())
            await self.clock.sleep(CAMPAIGN_INTERVAL)

    async def _run_until_hand_over(self) -> None:
        led = False
        try:
            async with in_background(self, self.clock):
                await self._leaves.wait()
                led = self.leads
        finally:
            await self._resign()
        if led:
            logger.info("leadership_handed_over")

    async def _resign(self) -> None:
        try:
            await self.leadership.resign()
        except Exception:
            # The claim ends with its connection, at the latest with the process.
            logger.exception("resign_failed")

    async def _lead(self) -> None:
        logger.info("leadership_gained")
        self.leads, self.leads_since = True, self.clock.now()
        tasks = [asyncio.create_task(each.run(), name=each.status.name) for each in self.workers]
        tasks.append(asyncio.create_task(self._while_confirmed(), name="leadership"))
        if self.ability is not None:
            tasks.append(asyncio.create_task(self._while_able(self.ability), name="ability"))
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.leads, self.leads_since = False, None
            await cancel_and_wait(tasks)
        for task in ended:
            # Nobody has cancelled it yet: if it is cancelled, something that it awaited was.
            defect = asyncio.CancelledError() if task.cancelled() else task.exception()
            if defect is not None:
                log_death(task.get_name(), defect)
        logger.warning("leadership_lost")
        if self._gives_up:
            self._gives_up = False
            await self._resign()

    async def _while_confirmed(self) -> None:
        while await self.leadership.confirm():
            self.status.succeeded(self.clock.now())
            await self.clock.sleep(CONFIRM_INTERVAL)

    async def _while_able(self, ability: Callable[[], Awaitable[None]]) -> None:
        able_at = self.clock.monotonic()
        while True:
            try:
                await ability()
                able_at = self.clock.monotonic()
            except RuntimeManagerError as error:
                if self.clock.monotonic() - able_at >= PATIENCE:
                    logger.warning("leadership_given_up", extra={"error": error.message})
                    self._gives_up = True
                    return
            await self.clock.sleep(CONFIRM_INTERVAL)
