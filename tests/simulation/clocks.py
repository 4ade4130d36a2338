"""Virtual time as the service's processes and the Docker host see it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.simulation.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from tests.simulation.process import Process

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class HostClock:
    """Tells the virtual time; nothing on the Docker host ever sleeps."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.now)

    def monotonic(self) -> float:
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"the Docker host slept for {seconds} s")


class ProcessClock(HostClock):
    """The clock of one process: whoever sleeps parks at the scheduler until the time has come."""

    def __init__(self, process: "Process") -> None:
        super().__init__(process.universe.loop)
        self._process = process

    async def sleep(self, seconds: float) -> None:
        await self._process.park("clock.sleep", due=self._loop.now + max(seconds, 0.0))
