import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.domain.errors import DockerUnavailable
from rtmanager.workers.periodic import PeriodicWorker
from tests.unit.workers.turns import running, until


class Work:
    """A cycle that records when it runs, and fails as often as configured."""

    def __init__(self, clock: ManualClock, *, failures: int = 0) -> None:
        self.clock = clock
        self.failures = failures
        self.moments: list[float] = []

    async def __call__(self) -> str:
        """Run once."""
        self.moments.append(self.clock.monotonic())
        if self.failures:
            self.failures -= 1
            raise DockerUnavailable
        return "did it"


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that jumps from one wake-up to the next."""
    return ManualClock()


async def _moments(worker: PeriodicWorker, work: Work, rounds: int) -> list[float]:
    async with running(worker.run()):
        await until(lambda: len(work.moments) >= rounds)
    return work.moments[:rounds]


async def test_cycle_runs_again_after_each_interval(clock: ManualClock) -> None:
    """The interval lies between the end of one cycle and the start of the next."""
    work = Work(clock)

    assert await _moments(PeriodicWorker("w", work, 15.0, clock), work, 3) == [0.0, 15.0, 30.0]


async def test_failed_cycle_is_tried_again_at_the_next_interval(clock: ManualClock) -> None:
    """A worker survives every fault, and its status counts each."""
    work = Work(clock, failures=2)
    worker = PeriodicWorker("w", work, 15.0, clock)

    assert await _moments(worker, work, 4) == [0.0, 15.0, 30.0, 45.0]
    assert worker.status.failures == 2
    assert worker.status.failures_in_a_row == 0
    assert worker.status.last_error == DockerUnavailable().message
