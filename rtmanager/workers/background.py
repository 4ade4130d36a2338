"""Letting a worker run beside a block."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from rtmanager.domain.ports.clock import Clock
from rtmanager.workers.cancellation import leave_if_cancelled
from rtmanager.workers.ending import end
from rtmanager.workers.worker_status import WorkerStatus

logger = logging.getLogger(__name__)

RESTART_PAUSE = 1.0


class Worker(Protocol):
    """Something that works until it is cancelled and tells how it fares."""

    status: WorkerStatus

    async def run(self) -> None:
        """Work until cancelled."""


@asynccontextmanager
async def in_background(worker: Worker, clock: Clock) -> AsyncIterator[None]:
    """Run the worker while the block runs; it has ended when the block is left.

    A worker that dies has a defect: that is logged, and it is begun anew after a pause.
    """
    task = asyncio.create_task(_run_for_ever(worker, clock), name=worker.status.name)
    try:
        yield
    finally:
        await end([task])


async def _run_for_ever(worker: Worker, clock: Clock) -> None:
    while True:
        try:
            await worker.run()
        except asyncio.CancelledError:
            # Not meant for us, unless someone asked: what the worker waited for was cancelled.
            leave_if_cancelled()
            logger.exception("worker died", extra={"worker": worker.status.name})
        except Exception:
            logger.exception("worker died", extra={"worker": worker.status.name})
        await clock.sleep(RESTART_PAUSE)
