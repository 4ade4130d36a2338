"""Virtual time as the service's processes, the Docker host and the lease store see it."""

from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.simulation.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from tests.simulation.process import Process

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


PROCESS: ContextVar["Process"] = ContextVar("process")
"""The process that the present task belongs to."""


class HostClock:
    """The clock of the Docker host; who waits for the host is a task of some process."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.off_by = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.now + self.off_by)

    def monotonic(self) -> float:
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        await PROCESS.get().park("docker.works", due=self._loop.now + max(seconds, 0.0))


class ProcessClock:
    """The clock of one process: whoever sleeps parks at the scheduler until the time has come.

    What it calls now may be off, and step; elapsed seconds are everybody's.
    """

    def __init__(self, process: "Process", *, slowness: float = 1.0) -> None:
        self._loop = process.environment.loop
        self._process, self._slowness = process, slowness

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.now + self._process.clock_off_by)

    def monotonic(self) -> float:
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        due = self._loop.now + max(seconds, 0.0) * self._slowness
        await self._process.park("clock.sleep", due=due)
