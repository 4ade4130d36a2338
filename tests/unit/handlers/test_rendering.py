from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.insight.health import HealthState
from rtmanager.domain.insight.read_overview import Overview
from rtmanager.domain.operation import Fence, Operation, Outcome, StepResult
from rtmanager.domain.runtime import RuntimeStatus
from rtmanager.handlers.rendering import (
    operation_json,
    overview_json,
    runtime_json,
    step_json,
    timestamp,
)
from tests.builders import GAME, IMAGE, NOON, make_record, make_request, make_step

OPEN = Operation(id=Fence(7), request=make_request(), started_at=NOON)


def test_a_time_is_in_utc_with_microseconds() -> None:
    """Every time has the same length, whatever its zone and its fraction."""
    in_berlin = datetime(2026, 4, 28, 22, 39, 18, tzinfo=timezone(timedelta(hours=2)))

    assert timestamp(in_berlin) == "2026-04-28T20:39:18.000000Z"
    assert timestamp(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"
    assert timestamp(None) is None


def test_an_open_operation_has_no_end() -> None:
    """Its outcome is `open`, and what only an end brings is null."""
    shown = operation_json(OPEN)

    assert (shown["outcome"], shown["phase"], shown["steps"]) == ("open", "forward", [])
    ends = ("finished_at", "duration_ms", "downtime_ms", "healthy", "exit", "error_code")
    assert {shown[each] for each in ends} == {None}


def test_a_finished_operation_shows_how_it_went() -> None:
    """Duration, downtime, health and the engine's end are numbers and values, not texts."""
    details = {"downtime_ms": 12.5, "healthy": False, "exit_code": 3, "log_tail": ["no state"]}
    operation = replace(
        OPEN,
        outcome=Outcome.FAILURE,
        error_code=ErrorCode.CONTAINER_START_FAILED,
        error_message="the engine exited with code 3",
        details={**details, "error_detail": "secret"},
        finished_at=NOON + timedelta(milliseconds=1234.5),
    )

    shown = operation_json(operation)

    assert (shown["duration_ms"], shown["downtime_ms"], shown["healthy"]) == (1234.5, 12.5, False)
    assert shown["exit"] == {
        "container_id": None,
        "exit_code": 3,
        "oom_killed": False,
        "signal": None,
        "ended_at": "2026-03-01T12:00:01.357956Z",
        "log_tail": ["no state"],
    }
    assert "secret" not in str(shown)


def test_a_step_is_shown_without_what_its_error_keeps() -> None:
    """The step that runs is `running`; the detail of an error stays in the log."""
    running = make_step(result=None, duration_ms=None, note="pulling: 3 of 7 layers")
    refused = make_step(result=StepResult.REFUSED, error="no such host", detail="secret")

    assert step_json(running)["result"] == "running"
    assert step_json(running)["note"] == "pulling: 3 of 7 layers"
    assert step_json(refused)["error"] == "no such host"
    assert "secret" not in str(step_json(refused))


def test_a_game_at_a_glance_has_its_last_operation_in_brief() -> None:
    """Record, health and the last operation are shown; without one that is null."""
    overview = Overview(record=make_record(), health=HealthState.HEALTHY, last_operation=OPEN)

    shown = overview_json(overview)

    assert (shown["game_id"], shown["image_ref"], shown["health"]) == (GAME, IMAGE, "healthy")
    assert shown["last_operation"] == {
        "operation_id": 7,
        "kind": "start",
        "source": "gm_rest",
        "outcome": "open",
        "error_code": None,
        "started_at": "2026-03-01T12:00:00.123456Z",
        "finished_at": None,
    }
    assert overview_json(replace(overview, last_operation=None))["last_operation"] is None


def test_every_property_of_a_record_is_present() -> None:
    """A property that does not apply is null, not missing."""
    shown = runtime_json(make_record(status=RuntimeStatus.REMOVED, started_at=None))

    assert len(shown) == 12
    assert shown["started_at"] is None


def test_times_of_a_record_are_utc_with_microseconds() -> None:
    """RFC 3339 with Z, and six digits even for a whole second."""
    berlin = NOON.astimezone(timezone(timedelta(hours=2)))
    whole = datetime(2026, 3, 1, tzinfo=UTC)
    shown = runtime_json(make_record(created_at=berlin, last_op_at=whole))

    assert shown["created_at"] == "2026-03-01T12:00:00.123456Z"
    assert shown["last_op_at"] == "2026-03-01T00:00:00.000000Z"


def test_internal_fields_of_a_record_are_not_shown() -> None:
    """Fence and image id are internal."""
    assert not {"fence", "image_id"} & runtime_json(make_record()).keys()
