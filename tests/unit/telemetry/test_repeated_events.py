"""Repeated events in the log: one line per event, reason and minute, and none is lost."""

import pytest
from structlog.testing import capture_logs

from rtmanager.telemetry.repeated_events import RepeatedEvents, Volume


class Time:
    """Stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def time() -> Time:
    """Return a clock."""
    return Time()


@pytest.fixture
def events(time: Time) -> RepeatedEvents:
    """Return events on that clock."""
    return RepeatedEvents(time)


def repeated(events: RepeatedEvents, times: int, event: str = "a", reason: str = "b") -> list[int]:
    """Repeat an event; return the counts of the log lines."""
    with capture_logs() as lines:
        for _ in range(times):
            events.add(event, reason)
    return [line["count"] for line in lines]


def flushed(events: RepeatedEvents) -> list[int]:
    """Flush; return the counts of the log lines."""
    with capture_logs() as lines:
        events.flush()
    return [line["count"] for line in lines]


def test_a_flood_is_one_line(events: RepeatedEvents) -> None:
    """The first is logged at once, the others of that minute are only counted."""
    assert repeated(events, 1000) == [1]


def test_the_next_line_has_the_number_since(events: RepeatedEvents, time: Time) -> None:
    """After a minute the next one is logged with those that were not."""
    repeated(events, 1000)
    time.now += 60

    assert repeated(events, 2) == [1000]


def test_the_end_of_a_flood_is_logged_when_the_minute_is_over(
    events: RepeatedEvents, time: Time
) -> None:
    """What was counted is logged even if no more come, and only once."""
    repeated(events, 1000)
    time.now += 59.9
    early = flushed(events)
    time.now += 0.1

    assert early == []
    assert flushed(events) == [999]
    assert flushed(events) == []


def test_a_flushed_line_begins_a_new_minute(events: RepeatedEvents, time: Time) -> None:
    """A lasting flood is one line a minute, whoever causes the line."""
    repeated(events, 5)
    time.now += 60
    flushed(events)

    assert repeated(events, 5) == []


def test_everything_is_logged_at_the_end(events: RepeatedEvents) -> None:
    """The end does not wait for the minute."""
    repeated(events, 1000)
    with capture_logs() as lines:
        events.close()
        events.close()

    assert [(line["event"], line["reason"], line["count"]) for line in lines] == [("a", "b", 999)]


def test_each_event_and_reason_has_its_lines(events: RepeatedEvents) -> None:
    """A flood of one does not hide another."""
    repeated(events, 5)

    assert repeated(events, 5, reason="c") == [1]
    assert repeated(events, 5, event="d") == [1]


def test_a_burst_is_logged_line_by_line(events: RepeatedEvents, time: Time) -> None:
    """The first few of a minute have lines of their own, at their level."""
    with capture_logs() as lines:
        for number in range(10):
            events.add("a", "b", Volume("info", 3), number=number)
        time.now += 60
        events.flush()
        events.add("a", "b", Volume("info", 3), number=10)

    assert [(line["number"], line["count"]) for line in lines] == [
        (0, 1),
        (1, 1),
        (2, 1),
        (9, 7),
        (10, 1),
    ]
    assert {line["log_level"] for line in lines} == {"info"}


def test_a_line_has_the_details_of_the_latest(events: RepeatedEvents) -> None:
    """One occurrence stands for all; a detail that is empty is left out."""
    for peer in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        events.add("a", "b", peer=peer, error="")
    with capture_logs() as lines:
        events.close()

    assert lines[0]["peer"] == "10.0.0.3"
    assert "error" not in lines[0]
