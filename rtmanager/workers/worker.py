"""What all workers share: a loop that runs until it is cancelled, and a status."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.replicas import WorkerState
from rtmanager.domain.texts import printable_or_none
from rtmanager.tasks import cancel_and_wait, raise_if_cancelled

logger = logging.getLogger(__name__)

RESTART_PAUSE = 1.0


@dataclass(slots=True)
class WorkerStatus:
    """When a worker last succeeded, and how often it has failed since.

    One that runs at an interval says when it began to; `did` is what it last did, if anything.
    """

    name: str
    cycles: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_error: str = ""
    interval: float | None = None
    began_at: datetime | None = None
    did: str = ""
    _has_defect: bool = False

    def succeeded(self, at: datetime, sentence: str = "") -> None:
        """Note a successful cycle; log the end of an outage.

        What it did to a game has log lines of its own, and all of it is in the workers' report.
        """
        if self.failures_in_a_row:
            logger.info("worker_recovered", extra=self._facts(failures=self.failures_in_a_row))
        if sentence:
            logger.debug("worker_acted", extra=self._facts(did=sentence))
        self.cycles += 1
        self.failures_in_a_row = 0
        self._has_defect = False
        self.last_success_at = at
        self.did = sentence or self.did

    def failed(self, at: datetime, error: Exception) -> None:
        """Note a failed cycle; an outage is logged when it begins, not at every tick.

        A defect that appears during an outage is not part of it and is logged too.
        """
        self.cycles += 1
        self.failures += 1
        self.failures_in_a_row += 1
        self.last_failure_at = at
        self.last_error = str(error)
        trace = None if isinstance(error, RuntimeManagerError) else error
        is_new_defect = trace is not None and not self._has_defect
        if self.failures_in_a_row == 1 or is_new_defect:
            level = logging.WARNING if trace is None else logging.ERROR
            logger.log(level, "worker_failed", extra=self._facts(error=str(error)), exc_info=trace)
        self._has_defect = self._has_defect or is_new_defect

    def state(self, now: datetime) -> WorkerState:
        """Return what operators are shown."""
        return WorkerState(
            name=self.name,
            interval=self.interval,
            cycles=self.cycles,
            failures=self.failures,
            failures_in_a_row=self.failures_in_a_row,
            last_success_at=self.last_success_at,
            last_failure_at=self.last_failure_at,
            last_error=printable_or_none(self.last_error or None),
            did=printable_or_none(self.did or None),
            due_in=self._due_in(now),
        )

    def _due_in(self, now: datetime) -> float | None:
        """Return the seconds until the next success is due; the first is due at once."""
        if self.interval is None or self.began_at is None:
            return None
        due = self.began_at
        if self.last_success_at is not None:
            due = max(due, self.last_success_at + timedelta(seconds=self.interval))
        return (due - now).total_seconds()

    def _facts(self, **more: object) -> dict[str, object]:
        return {"worker": self.name} | more


class Worker(Protocol):
    """Something that runs until it is cancelled and keeps a status."""

    status: WorkerStatus

    async def run(self) -> None:
        """Work until cancelled."""


@asynccontextmanager
async def in_background(worker: Worker, clock: Clock) -> AsyncIterator[None]:
    """Run the worker during the block; it has ended when the block is left.

    A worker that dies has a defect, which is logged; it is restarted after a pause.
    """
    task = asyncio.create_task(_keep_running(worker, clock), name=worker.status.name)
    try:
        yield
    finally:
        await cancel_and_wait([task])


async def _keep_running(worker: Worker, clock: Clock) -> None:
    while True:
        try:
            await worker.run()
        except asyncio.CancelledError as error:
            # Unless we were cancelled, this is not for us: something that the worker awaited was.
            raise_if_cancelled()
            log_death(worker.status.name, error)
        except Exception as error:  # noqa: BLE001 - it is needed, so any error is survived
            log_death(worker.status.name, error)
        await clock.sleep(RESTART_PAUSE)


def log_death(name: str, defect: BaseException) -> None:
    """Log the error of a worker that died; it has a defect and is restarted."""
    logger.error("worker_died", extra={"worker": name}, exc_info=defect)
