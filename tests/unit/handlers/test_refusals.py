from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from rtmanager.handlers import refusals
from rtmanager.handlers.refusals import RefusalReason, RefusedRequest, RefusedRequests
from rtmanager.telemetry.repeated_events import RepeatedEvents
from tests.unit.handlers.behind import request

HOST, ORIGIN = RefusalReason.FOREIGN_HOST, RefusalReason.FOREIGN_ORIGIN


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """Capture the log."""
    with capture_logs() as captured:
        yield captured


def record(
    recorder: RefusedRequests, reason: RefusalReason, times: int = 1, path: str = "/x"
) -> None:
    """Record some refusals."""
    for _ in range(times):
        recorder.record(RefusedRequest(reason, "why"), request(path=path))


def test_flood_is_one_line_a_minute_with_its_number(lines: list[EventDict]) -> None:
    """The first refusal is logged at once; a minute later the others are, even if no more come."""
    now = 100.0
    events = RepeatedEvents(lambda: now)

    record(RefusedRequests(events), HOST, 1000)
    now += 60
    events.flush()

    assert [(line["event"], line["count"]) for line in lines] == [
        ("request_refused", 1),
        ("request_refused", 999),
    ]


def test_each_reason_is_logged_for_itself(lines: list[EventDict]) -> None:
    """A flood for one reason does not hide another."""
    recorder = RefusedRequests(RepeatedEvents())

    record(recorder, HOST, 10)
    record(recorder, ORIGIN, 10)

    assert [line["reason"] for line in lines] == ["foreign_host", "foreign_origin"]


def test_line_escapes_what_the_caller_sent(lines: list[EventDict]) -> None:
    """A path cannot forge a line or make it endless."""
    record(RefusedRequests(RepeatedEvents()), HOST, path="/\n\x1b[2J" + "x" * 10_000)

    assert lines[0]["path"].startswith(r"/\n\x1b[2Jxxx")
    assert len(lines[0]["path"]) == refusals.LONGEST_PATH


@pytest.mark.parametrize(
    ("client", "peer"), [(("10.0.0.7", 4711), "10.0.0.7"), (("::1", 1), "::1"), (None, "")]
)
def test_line_names_the_peer(
    client: tuple[str, int] | None, peer: str, lines: list[EventDict]
) -> None:
    """Operators learn whom to ask, or which proxy."""
    refused = RefusedRequests(RepeatedEvents())
    refused.record(RefusedRequest(HOST, "why"), request(path="/ui/", client=client))

    assert (lines[0].get("peer", ""), lines[0]["path"]) == (peer, "/ui/")


def test_every_refusal_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter has every refusal with its reason, logged or not."""
    counted: list[tuple[int, dict[str, str]]] = []

    class Counter:
        def add(self, amount: int, attributes: dict[str, str]) -> None:
            counted.append((amount, attributes))

    monkeypatch.setattr(refusals, "_counter", Counter())
    record(RefusedRequests(RepeatedEvents()), ORIGIN, 2)

    assert [each for each in counted if each[0]] == [(1, {"reason": "foreign_origin"})] * 2
    assert {labels["reason"] for amount, labels in counted if not amount} == set(RefusalReason)
