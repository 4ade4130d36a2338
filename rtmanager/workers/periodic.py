"""Running a cycle at an interval."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rtmanager.domain.ports.clock import Clock
from rtmanager.tasks import raise_if_cancelled
from rtmanager.workers.worker import WorkerStatus

Cycle = Callable[[], Awaitable[str]]
"""Does one round of work and returns a sentence on what it did; empty if nothing."""


@dataclass(slots=True)
class PeriodicWorker:
    """Runs a cycle, pauses, and runs it again, even if it fails."""

    name: str
    cycle: Cycle
    interval: float
    clock: Clock
    status: WorkerStatus = field(init=False)

    def __post_init__(self) -> None:
        self.status = WorkerStatus(self.name, interval=self.interval)

    async def run(self) -> None:
        """Work until cancelled."""
        self.status.began_at = self.clock.now()
        try:
            while True:
                await self.once()
                raise_if_cancelled()
                await self.clock.sleep(self.interval)
        finally:
            self.status.began_at = None

    async def once(self) -> None:
        """Run one cycle and note its result or failure."""
        try:
            sentence = await self.cycle()
        except Exception as error:  # noqa: BLE001 - a worker survives every error; its status notes it
            self.status.failed(self.clock.now(), error)
        else:
            self.status.succeeded(self.clock.now(), sentence)
