import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.workers.background import in_background
from rtmanager.workers.worker_status import WorkerStatus


@dataclass
class Fragile:
    """A worker that dies once and then works."""

    death: BaseException = field(default_factory=lambda: ValueError("a defect"))
    works: asyncio.Event = field(default_factory=asyncio.Event)
    lives: int = 0
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("fragile"))

    async def run(self) -> None:
        """Die in the first life, work in the second."""
        self.lives += 1
        if self.lives == 1:
            raise self.death
        self.works.set()
        await asyncio.Event().wait()


async def test_worker_that_dies_is_logged_and_begun_anew(caplog: pytest.LogCaptureFixture) -> None:
    """A defect in one round is no end of the worker."""
    worker = Fragile()

    with caplog.at_level(logging.ERROR):
        async with in_background(worker, ManualClock()):
            await worker.works.wait()

    assert worker.lives == 2
    assert [record.message for record in caplog.records] == ["worker died"]


async def test_worker_dies_of_no_cancellation_that_was_not_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Something it waited for was cancelled, and it with it: that is a defect like any other."""
    worker = Fragile(asyncio.CancelledError())

    with caplog.at_level(logging.ERROR):
        async with in_background(worker, ManualClock()):
            await worker.works.wait()

    assert [record.message for record in caplog.records] == ["worker died"]


async def test_worker_has_ended_when_the_block_is_left() -> None:
    """Nothing goes on behind the block's back."""
    worker = Fragile(lives=1)

    async with in_background(worker, ManualClock()):
        await worker.works.wait()

    assert not [task for task in asyncio.all_tasks() if task.get_name() == "fragile"]
