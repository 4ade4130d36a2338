import logging
from datetime import timedelta

import pytest

from rtmanager.domain.errors import DockerUnavailable
from rtmanager.workers.worker_status import WorkerStatus
from tests.builders import NOON

LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Return what is logged from level info on."""
    caplog.set_level(logging.INFO)
    return caplog


def test_success_is_dated_and_counted(log: pytest.LogCaptureFixture) -> None:
    """A cycle that had nothing to do says nothing."""
    status = WorkerStatus("probe")
    status.succeeded(NOON)

    assert (status.cycles, status.failures, status.last_success_at) == (1, 0, NOON)
    assert log.messages == []


def test_deed_is_logged_in_its_own_words(log: pytest.LogCaptureFixture) -> None:
    """A cycle that did something is one line."""
    WorkerStatus("probe").succeeded(NOON, "g1 missed 3 probes")

    (record,) = log.records
    assert record.message == "worker did something"
    assert vars(record)["did"] == "g1 missed 3 probes"


def test_outage_is_logged_when_it_begins_and_when_it_ends(log: pytest.LogCaptureFixture) -> None:
    """A warning per outage, not per tick."""
    status = WorkerStatus("reconcile")
    for _ in range(5):
        status.failed(NOON, DockerUnavailable("no answer"))
    status.succeeded(LATER)

    assert log.messages == ["worker failed: no answer", "worker works again"]
    assert vars(log.records[1])["failures"] == 5
    assert (status.failures, status.failures_in_a_row) == (5, 0)
    assert (status.last_failure_at, status.last_success_at) == (NOON, LATER)


def test_defect_is_logged_with_its_trace(log: pytest.LogCaptureFixture) -> None:
    """What we expect is a line; what we do not comes with where it happened."""
    WorkerStatus("probe").failed(NOON, DockerUnavailable("away"))
    WorkerStatus("probe").failed(NOON, ValueError("a defect"))

    assert [bool(record.exc_info) for record in log.records] == [False, True]


def test_defect_during_an_outage_is_logged_once_as_well(log: pytest.LogCaptureFixture) -> None:
    """What nobody expects is never hidden behind what is known already."""
    status = WorkerStatus("leadership")
    for error in [DockerUnavailable("away"), ValueError("a defect"), ValueError("a defect")]:
        status.failed(NOON, error)
    assert [bool(record.exc_info) for record in log.records] == [False, True]
    status.succeeded(LATER)
    status.failed(LATER, DockerUnavailable("away"))
    status.failed(LATER, ValueError("a defect"))

    assert [bool(record.exc_info) for record in log.records] == [False, True, False, False, True]
