"""Running the workers in the replica that leads, and in no other."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.leadership import Leadership
from rtmanager.workers.background import Worker, in_background
from rtmanager.workers.cancellation import leave_if_cancelled
from rtmanager.workers.ending import end
from rtmanager.workers.worker_status import WorkerStatus

logger = logging.getLogger(__name__)

CAMPAIGN_INTERVAL = 1.0
CONFIRM_INTERVAL = 1.0


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
        try:
            async with in_background(self, self.clock):
                yield
        finally:
            await self._resign()

    async def run(self) -> None:
        """Campaign, lead, and campaign again, until cancelled; no fault of the claim ends it."""
        while True:
            leave_if_cancelled()
            try:
                if await self.leadership.campaign():
                    await self._lead()
            except Exception as error:  # noqa: BLE001 - whatever it is, somebody has to lead
                self.status.failed(self.clock.now(), error)
            else:
                self.status.succeeded(self.clock.now())
            await self.clock.sleep(CAMPAIGN_INTERVAL)

    async def _resign(self) -> None:
        try:
            await self.leadership.resign()
        except Exception:
            # The claim ends with its connection, which ends with the process.
            logger.exception("resigning failed")

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
        # Nobody has cancelled it yet: if it is, something that it waited for was.
        defect = asyncio.CancelledError() if task.cancelled() else task.exception()
        if defect is not None:
            logger.error("worker died", extra={"worker": task.get_name()}, exc_info=defect)
    logger.warning("this replica no longer leads")
