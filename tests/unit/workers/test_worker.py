import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.domain.errors import DockerUnavailable
from rtmanager.workers.worker import WorkerStatus, in_background
from tests.builders import NOON

LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Return what is logged at info or above."""
    caplog.set_level(logging.INFO)
    return caplog


def test_success_is_dated_and_counted(log: pytest.LogCaptureFixture) -> None:
    """A cycle that had nothing to do logs nothing."""
    status = WorkerStatus("probe")
    status.succeeded(NOON)

    assert (status.cycles, status.failures, status.last_success_at) == (1, 0, NOON)
    assert log.messages == []


def test_cycle_that_did_something_is_logged(log: pytest.LogCaptureFixture) -> None:
    """A cycle that did something logs one line, for whoever asks for more than its effects."""
    log.set_level(logging.DEBUG)
    WorkerStatus("probe").succeeded(NOON, "g1 missed 3 probes")

    (record,) = log.records
    assert record.message == "worker_acted"
    assert record.levelname == "DEBUG"
    assert vars(record)["did"] == "g1 missed 3 probes"


def test_outage_is_logged_when_it_begins_and_when_it_ends(log: pytest.LogCaptureFixture) -> None:
    """An outage logs one warning, not one per cycle."""
    status = WorkerStatus("reconcile")
    for _ in range(5):
        status.failed(NOON, DockerUnavailable("no answer"))
    status.succeeded(LATER)

    assert log.messages == ["worker_failed", "worker_recovered"]
    assert vars(log.records[0])["error"] == "no answer"
    assert vars(log.records[1])["failures"] == 5
    assert (status.failures, status.failures_in_a_row) == (5, 0)
    assert (status.last_failure_at, status.last_success_at) == (NOON, LATER)


def test_defect_is_logged_with_its_trace(log: pytest.LogCaptureFixture) -> None:
    """An expected error logs a line, a defect its traceback as well."""
    WorkerStatus("probe").failed(NOON, DockerUnavailable("away"))
    WorkerStatus("probe").failed(NOON, ValueError("a defect"))

    assert [bool(record.exc_info) for record in log.records] == [False, True]


def test_defect_during_an_outage_is_logged_once_as_well(log: pytest.LogCaptureFixture) -> None:
    """A known outage never hides a defect."""
    status = WorkerStatus("leadership")
    for error in [DockerUnavailable("away"), ValueError("a defect"), ValueError("a defect")]:
        status.failed(NOON, error)
    assert [bool(record.exc_info) for record in log.records] == [False, True]
    status.succeeded(LATER)
    status.failed(LATER, DockerUnavailable("away"))
    status.failed(LATER, ValueError("a defect"))

    assert [bool(record.exc_info) for record in log.records] == [False, True, False, False, True]


@dataclass
class Fragile:
    """A worker that dies once and then works."""

    death: BaseException = field(default_factory=lambda: ValueError("a defect"))
    works: asyncio.Event = field(default_factory=asyncio.Event)
    lives: int = 0
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("fragile"))

    async def run(self) -> None:
        """Die at the first start, work at the second."""
        self.lives += 1
        if self.lives == 1:
            raise self.death
        self.works.set()
        await asyncio.Event().wait()


async def test_worker_that_dies_is_logged_and_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A defect does not end the worker for good."""
    worker = Fragile()

    with caplog.at_level(logging.ERROR):
        async with in_background(worker, ManualClock()):
            await worker.works.wait()

    assert worker.lives == 2
    assert [record.message for record in caplog.records] == ["worker_died"]


async def test_worker_survives_a_cancellation_that_was_not_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A cancellation of something it waited for is a defect like any other."""
    worker = Fragile(asyncio.CancelledError())

    with caplog.at_level(logging.ERROR):
        async with in_background(worker, ManualClock()):
            await worker.works.wait()

    assert [record.message for record in caplog.records] == ["worker_died"]


async def test_worker_has_ended_when_the_block_is_left() -> None:
    """Leaving the block waits until the worker has ended."""
    worker = Fragile(lives=1)

    async with in_background(worker, ManualClock()):
        await worker.works.wait()

    assert not [task for task in asyncio.all_tasks() if task.get_name() == "fragile"]


def test_first_success_is_due_when_the_worker_begins() -> None:
    """One that does not run, or waits for events, is due at no time."""
    assert WorkerStatus("jobs", began_at=NOON).state(LATER).due_in is None
    assert WorkerStatus("probe", interval=15.0).state(LATER).due_in is None
    assert WorkerStatus("probe", interval=15.0, began_at=NOON).state(LATER).due_in == -60


def test_next_success_is_due_an_interval_after_the_last() -> None:
    """Not after one of an earlier time as the leader."""
    status = WorkerStatus("probe", interval=15.0, began_at=NOON)
    status.succeeded(NOON)
    assert status.state(NOON).due_in == 15

    status.began_at = LATER
    assert status.state(LATER).due_in == 0


def test_state_says_what_was_done_last() -> None:
    """A round that had nothing to do does not hide what one before did."""
    status = WorkerStatus("probe")
    status.succeeded(NOON, "g1 missed 3 probes")
    status.succeeded(LATER)
    status.failed(LATER, DockerUnavailable("no\nanswer"))
    state = status.state(LATER)

    assert (state.cycles, state.failures, state.failures_in_a_row) == (3, 1, 1)
    assert (state.did, state.last_error) == ("g1 missed 3 probes", "no\\nanswer")
    assert (state.last_success_at, state.last_failure_at) == (LATER, LATER)
