"""Every event that the service logs is on the page for operators, with its level."""

import ast
import re
from collections.abc import Iterator
from logging import getLevelName
from pathlib import Path

import rtmanager
from rtmanager.domain.health_report import LINES
from rtmanager.telemetry.instruments import ALERTED

PACKAGE = Path(rtmanager.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "log-events.md"
LEVELS = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "exception": "error",
}
LOGGERS = {"logger", "_logger", "log"}
REPEATED = {"_events", "events"}
"""What logs an event with its number: as a warning, unless it is told otherwise."""
ROW = re.compile(r"\| `(\w+)` \| ([\w, ]+) \| .+ \| .+ \|")
ELSEWHERE = {
    ("operation_finished", "info"),
    ("operation_finished", "warning"),
    ("operation_finished", "error"),
    ("request_refused", "info"),
    ("worker_failed", "warning"),
    ("worker_failed", "error"),
    ("listens_on_every_interface", "warning"),
    ("listens_on_engines_network", "warning"),
    *((name, getLevelName(level).lower()) for level, name in LINES.values()),
}
"""Events whose name or level depends on something, and is not written where they are logged."""


def logged() -> Iterator[tuple[str, str]]:
    """Return every event that is written where it is logged, with its level."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield from _event_of(node, node.func)


def _event_of(call: ast.Call, function: ast.Attribute) -> Iterator[tuple[str, str]]:
    owner = function.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    first = call.args[0] if call.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return
    if name in LOGGERS and function.attr in LEVELS:
        yield first.value, LEVELS[function.attr]
    elif name in REPEATED and function.attr == "add":
        yield first.value, "warning"


def documented() -> set[tuple[str, str]]:
    """Return every event of the page, with each of its levels."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {(event, level) for event, levels in rows for level in levels.split(", ")}


def test_the_page_has_every_event_that_is_logged_and_no_other() -> None:
    """An operator who meets a line finds what it means and what to do."""
    assert documented() == {*logged(), *ELSEWHERE}


def test_events_are_names() -> None:
    """A search or an alert can rely on them: values are in fields."""
    assert [event for event, _ in logged() if not re.fullmatch("[a-z0-9_]+", event)] == []


def test_alerts_count_events_that_exist() -> None:
    """An event that alerts count from the start is logged with that level."""
    assert set(ALERTED.items()) <= documented()
