"""Refused connections: all are counted, few are logged."""

import pytest
from structlog.testing import capture_logs

from rtmanager.server import refusals as module
from rtmanager.server.refusals import Reason, RefusedConnections
from rtmanager.telemetry.repeated_events import RepeatedEvents


def test_a_flood_of_one_reason_is_one_line() -> None:
    """The first refusal is logged at once; the others are counted for the next line."""
    events = RepeatedEvents()
    refusals = RefusedConnections(events)
    with capture_logs() as lines:
        for _ in range(1000):
            refusals.add(Reason.NOT_ADMITTED, peer="10.0.0.1")
        events.close()

    assert [(line["event"], line["reason"], line["count"]) for line in lines] == [
        ("connections_refused", "not_admitted", 1),
        ("connections_refused", "not_admitted", 999),
    ]
    assert lines[0]["peer"] == "10.0.0.1"


def test_every_refusal_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter has every refusal with its reason, logged or not."""
    counted: list[tuple[int, dict[str, str]]] = []

    class Counter:
        def add(self, amount: int, attributes: dict[str, str]) -> None:
            counted.append((amount, attributes))

    monkeypatch.setattr(module, "_counter", Counter())
    refusals = RefusedConnections(RepeatedEvents())
    refusals.add(Reason.SILENT)
    refusals.add(Reason.SILENT)

    assert [each for each in counted if each[0]] == [(1, {"reason": "silent"})] * 2
    assert {labels["reason"] for amount, labels in counted if not amount} == set(Reason)
