"""What an operation's row contains besides its outcome."""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import Conflict, DockerUnavailable, InternalError
from rtmanager.domain.operation import Action, ActionName, Operation, Outcome, Phase, Predecessor
from rtmanager.domain.operations.decision import stop
from rtmanager.domain.operations.observation import GateReading
from rtmanager.domain.operations.observer import OperationContext
from rtmanager.domain.operations.report import add_engines, details_of, logged_operation
from rtmanager.domain.ports.operation_journal import JobAlreadyRecorded, OperationStillOpen
from tests.builders import NOON, make_cause, make_completion, make_request, make_step
from tests.unit.domain.observed import LATER, OLD, PARKED, held_lease, nothing_early, operation

DOWN = make_step(action=stop(OLD, PARKED), started_at=NOON + timedelta(seconds=10))
REVIVED = make_step(
    action=Action(ActionName.START, OLD, PARKED),
    phase=Phase.BACK,
    started_at=NOON + timedelta(seconds=40),
    duration_ms=500.0,
)
FAILURE = make_completion(outcome=Outcome.FAILURE, cause=make_cause(), at=LATER)
SUCCESS = make_completion(at=LATER)


def details(
    of: Operation, completion: Completion = SUCCESS, gate: GateReading | None = None
) -> dict[str, object]:
    """Return the details of an operation with this end."""
    context = OperationContext(
        operation=of, record=None, lease=held_lease(), early=nothing_early(), gate=gate
    )
    return dict(details_of(context, completion))


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (None, {}),
        (GateReading(answered_at=LATER), {"healthy": True}),
        (GateReading(note="no answer yet"), {"healthy": False}),
    ],
)
def test_health_is_reported_where_it_was_checked(
    gate: GateReading | None, said: dict[str, object]
) -> None:
    """An engine that runs without answering is a success with a note."""
    assert details(operation(), gate=gate) == said


def test_failure_has_exit_code_and_output() -> None:
    """Exit code and output are all that is left of the engine."""
    said = details(operation(), FAILURE)

    assert said == {"exit_code": 1, "log_tail": ["starting", "no such file"]}


def test_lost_processes_are_reported() -> None:
    """The row shows how many processes died."""
    assert details(operation(lost=2)) == {"lost_processes": 2}


def test_what_the_decision_found_is_kept() -> None:
    """The report adds to the decision's details and removes nothing."""
    completion = make_completion(details={"found": "container_oom"})

    assert details(operation(), completion) == {"found": "container_oom"}


def test_downtime_of_a_success_ends_with_the_first_answer() -> None:
    """The time for which the engine was watched afterwards does not count."""
    answered = GateReading(answered_at=NOON + timedelta(seconds=13))

    assert details(operation(steps=(DOWN,)), gate=answered)["downtime_ms"] == 3000.0
    assert details(operation(steps=(DOWN,)))["downtime_ms"] == 290_000.0


def test_downtime_of_a_failure_ends_when_the_old_engine_runs_again() -> None:
    """If the old engine does not run again there is no downtime to record."""
    assert details(operation(steps=(DOWN, REVIVED)), FAILURE)["downtime_ms"] == 30_500.0
    assert "downtime_ms" not in details(operation(steps=(DOWN,)), FAILURE)


def test_engine_that_did_not_run_was_not_taken_down() -> None:
    """An engine that did not run before has no downtime."""
    before = Predecessor(container_id=OLD, ran=False)

    assert details(operation(steps=(DOWN,), predecessor=before)) == {}
    assert details(operation(steps=(DOWN,), predecessor=None)) == {}
    assert details(operation()) == {}


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (None, logging.INFO),
        (Conflict(), logging.WARNING),
        (DockerUnavailable(), logging.WARNING),
        (InternalError(), logging.ERROR),
    ],
)
def test_a_failure_is_a_warning_and_a_defect_an_error(
    caplog: pytest.LogCaptureFixture, error: Exception | None, level: int
) -> None:
    """Alerts can be set on what did not work; what did is information."""
    caplog.set_level(logging.INFO)
    with suppress(Exception), logged_operation(make_request(), ManualClock()):
        if error:
            raise error

    assert [(each.msg, each.levelno) for each in caplog.records] == [("operation_finished", level)]


def test_an_operation_that_was_cut_off_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """It has no outcome."""
    with suppress(asyncio.CancelledError), logged_operation(make_request(), ManualClock()):
        raise asyncio.CancelledError

    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert "outcome" not in vars(line)


@pytest.mark.parametrize("error", [JobAlreadyRecorded(), OperationStillOpen()], ids=str)
def test_what_has_not_finished_is_not_logged_as_a_failure(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """A job that is delivered again has its outcome, and a request that waits will have one."""
    with (
        caplog.at_level(logging.INFO, "rtmanager"),
        pytest.raises(type(error)),
        logged_operation(make_request(), ManualClock()),
    ):
        raise error

    assert caplog.records == []


@pytest.mark.parametrize(
    ("told", "fields", "level"),
    [
        ({}, {}, logging.INFO),
        ({"exit": {"exit_code": 143}}, {"exit_code": 143}, logging.INFO),
        (
            {"exit": {"exit_code": 137, "is_overdue": True}},
            {"exit_code": 137, "killed_after_grace": True},
            logging.WARNING,
        ),
    ],
)
def test_success_that_left_something_to_know_is_a_warning(
    caplog: pytest.LogCaptureFixture,
    told: dict[str, object],
    fields: dict[str, object],
    level: int,
) -> None:
    """An engine that had to be killed looks like no other success."""
    with caplog.at_level(logging.INFO), logged_operation(make_request(), ManualClock()) as line:
        add_engines(line, make_completion(details=told))

    (record,) = caplog.records
    assert record.levelno == level
    assert fields.items() <= vars(record).items()
