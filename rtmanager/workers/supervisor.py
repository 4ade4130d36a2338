"""Running the workers in the replica that leads, and in no other."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.leadership import Leadership
from rtmanager.workers.ending import end
from rtmanager.workers.worker_status import WorkerStatus

logger = logging.getLogger(__name__)

CAMPAIGN_INTERVAL = 1.0
CONFIRM_INTERVAL = 1.0


class Worker(Protocol):
    """Something that works until it is cancelled and tells how it fares."""

    status: WorkerStatus

    async def run(self) -> None:
        """Work until cancelled."""


@dataclass(slots=True)
class Supervisor:
    """Campaigns for the leadership; while it leads, every worker runs.

    Losing the leadership stops the workers at once: another replica may lead by then.
    """

    leadership: Leadership
    workers: Sequence[Worker]
    clock: Clock
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("leadership"), init=False)
    leads: bool = field(default=False, init=False)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Campaign and supervise in the background for the block; then stop and resign."""
        task = asyncio.create_task(self.run(), name="supervisor")
        try:
            yield
        finally:
            await end([task])
            await self.leadership.resign()

    async def run(self) -> None:
        """Campaign, lead, and campaign again, until cancelled."""
        while True:
            try:
                if await self.leadership.campaign():
                    await self._lead()
                self.status.succeeded(self.clock.now())
            except ServiceUnavailable as error:
                self.status.failed(self.clock.now(), error)
            await self.clock.sleep(CAMPAIGN_INTERVAL)

    async def _lead(self) -> None:
        logger.info("this replica leads")
        self.leads = True
        tasks = [asyncio.create_task(each.run(), name=each.status.name) for each in self.workers]
        tasks.append(asyncio.create_task(self._while_confirmed(), name="leadership"))
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.leads = False
            await end(tasks)
        _tell_why(ended)

    async def _while_confirmed(self) -> None:
        while await self.leadership.confirm():
            await self.clock.sleep(CONFIRM_INTERVAL)


def _tell_why(ended: set[asyncio.Task[None]]) -> None:
    """Log what ended the lead: the claim is gone, or a worker has a defect and is begun anew."""
    for task in ended:
        defect = None if task.cancelled() else task.exception()
        if defect is not None:
            logger.error("worker died", extra={"worker": task.get_name()}, exc_info=defect)
    logger.warning("this replica no longer leads")
