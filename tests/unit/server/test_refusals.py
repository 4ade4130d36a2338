"""Refused connections in the log: one line per reason and minute."""

import pytest
from structlog.testing import capture_logs

from rtmanager.server.refusals import Reason, Refusals
from tests.unit.server.transport import Time


@pytest.fixture
def time() -> Time:
    """Return a clock."""
    return Time()


@pytest.fixture
def refusals(time: Time) -> Refusals:
    """Return refusals on that clock."""
    return Refusals(time)


def logged(refusals: Refusals, reason: Reason, times: int) -> list[tuple[str, int]]:
    """Refuse several times; return the reasons and counts of the log lines."""
    with capture_logs() as lines:
        for _ in range(times):
            refusals.add(reason)
    return [(line["reason"], line["count"]) for line in lines]


def test_a_flood_of_one_reason_is_one_line(refusals: Refusals) -> None:
    """The first refusal is logged at once, the others of that minute are only counted."""
    assert logged(refusals, Reason.NOT_ADMITTED, 1000) == [("not_admitted", 1)]


def test_the_next_line_has_the_number_since(refusals: Refusals, time: Time) -> None:
    """After a minute the next refusal is logged with those that were not."""
    logged(refusals, Reason.NOT_ADMITTED, 1000)
    time.now += 60

    assert logged(refusals, Reason.NOT_ADMITTED, 1) == [("not_admitted", 1000)]


def test_a_line_has_the_details_of_the_latest(refusals: Refusals, time: Time) -> None:
    """One peer stands for all; a detail that is empty is left out."""
    refusals.add(Reason.NOT_ADMITTED, peer="10.0.0.1", error="")
    refusals.add(Reason.NOT_ADMITTED, peer="10.0.0.2", error="")
    time.now += 60
    with capture_logs() as lines:
        refusals.flush()

    assert lines[0]["peer"] == "10.0.0.2"
    assert "error" not in lines[0]


def test_each_reason_has_its_lines(refusals: Refusals) -> None:
    """A flood of one reason does not hide another."""
    logged(refusals, Reason.NOT_ADMITTED, 5)

    assert logged(refusals, Reason.ADMISSION_FAILED, 1) == [("admission_failed", 1)]


def test_the_end_of_a_flood_is_logged_too(refusals: Refusals, time: Time) -> None:
    """What was counted is logged a minute later even if no more come, and only once."""
    logged(refusals, Reason.NOT_ADMITTED, 5)
    with capture_logs() as early:
        refusals.flush()
    time.now += 60
    with capture_logs() as late:
        refusals.flush()
        refusals.flush()

    assert early == []
    assert [line["count"] for line in late] == [4]
