"""What every replica measures from time to time, so that a scrape only reads memory."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rtmanager.adapters.postgres.figures import StoreFigures
from rtmanager.domain.monitoring.check_readiness import CheckReadiness
from rtmanager.domain.ports.backlogs import Backlog, Backlogs
from rtmanager.domain.ports.clock import Clock
from rtmanager.tasks import raise_if_cancelled
from rtmanager.telemetry.instruments import event_loop_lag
from rtmanager.workers.worker import WorkerStatus

FIGURES_INTERVAL = 5.0
"""Seconds between two readings of the figures of Postgres and Redis."""
LAG_INTERVAL = 0.25
"""Seconds between two measurements of the event loop's lag."""


@dataclass(slots=True)
class FiguresReader:
    """Reads the figures of Postgres and Redis and checks what the service depends on."""

    read_store: Callable[[], Awaitable[StoreFigures]]
    queues: Sequence[Backlogs]
    readiness: CheckReadiness
    clock: Clock
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("figures"), init=False)
    store: StoreFigures | None = field(default=None, init=False)
    backlogs: Mapping[str, Backlog] = field(default_factory=dict, init=False)
    faults: Mapping[str, str] | None = field(default=None, init=False)

    async def run(self) -> None:
        """Read until cancelled; during an outage the figures stay as they were."""
        while True:
            raise_if_cancelled()
            self.faults = await self.readiness.faults()
            try:
                self.store, self.backlogs = await self.read_store(), await self._read_backlogs()
            except Exception as error:  # noqa: BLE001 - the service works without figures
                self.status.failed(self.clock.now(), error)
            else:
                self.status.succeeded(self.clock.now())
            await self.clock.sleep(FIGURES_INTERVAL)

    async def _read_backlogs(self) -> Mapping[str, Backlog]:
        return {found.name: found for each in self.queues for found in await each.read()}


@dataclass(slots=True)
class LagMeter:
    """Measures by how much the event loop is late: whatever runs on it then waits as long."""

    clock: Clock
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("lag"), init=False)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            raise_if_cancelled()
            due = time.perf_counter() + LAG_INTERVAL
            await self.clock.sleep(LAG_INTERVAL)
            event_loop_lag.record(max(0.0, time.perf_counter() - due))
