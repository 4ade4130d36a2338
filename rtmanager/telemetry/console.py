"""Log lines for people: time, level, event, game and outcome in columns, the other fields after."""

from structlog.dev import (
    Column,
    ColumnFormatter,
    ConsoleRenderer,
    KeyValueColumnFormatter,
    LogLevelColumnFormatter,
)
from structlog.typing import EventDict

_RESET, _DIM, _BOLD, _CYAN, _MAGENTA = "\x1b[0m", "\x1b[2m", "\x1b[1m", "\x1b[36m", "\x1b[35m"
_WIDTHS = {"timestamp": 12, "event": 26, "game_id": 16, "outcome": 7}
_LAST = ("request_id", "trace_id", "span_id", "logger")
_SHORT_ID = 12
"""Characters of a container id, as Docker shows it."""
_OURS = "rtmanager."


def shorten(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Shorten what is long in every line, leave no column out, and put what is technical last."""
    event["timestamp"] = _time_of(event.get("timestamp", ""))
    event["logger"] = event.get("logger", "").removeprefix(_OURS)
    event.setdefault("game_id", "")
    event["outcome"] = event.get("outcome") or ""
    if event.get("source_ref") == event.get("request_id"):
        event.pop("source_ref", None)
    if "container_id" in event:
        event["container_id"] = str(event["container_id"])[:_SHORT_ID]
    last = {name: event.pop(name) for name in _LAST if name in event}
    last.pop("span_id", None)
    return {**event, **last}


def columns(*, colours: bool) -> list[Column]:
    """Return the columns in their order; fields without a column of their own have names."""
    reset, dim, bold = (_RESET, _DIM, _BOLD) if colours else ("", "", "")
    cyan, magenta = (_CYAN, _MAGENTA) if colours else ("", "")
    levels = ConsoleRenderer.get_default_level_styles(colors=colours)
    return [
        _value("timestamp", dim, reset),
        Column("level", LogLevelColumnFormatter(levels, reset)),
        _value("event", bold, reset),
        _value("game_id", cyan, reset),
        _value("outcome", "", ""),
        Column("", _named(cyan, magenta, reset)),
    ]


def _value(name: str, style: str, reset: str) -> Column:
    formatter = KeyValueColumnFormatter(
        key_style=None, value_style=style, reset_style=reset, value_repr=str, width=_WIDTHS[name]
    )
    return Column(name, formatter)


def _named(key: str, value: str, reset: str) -> ColumnFormatter:
    return KeyValueColumnFormatter(
        key_style=key, value_style=value, reset_style=reset, value_repr=_quoted
    )


def _quoted(value: object) -> str:
    """Return a value in quotes only where its end could not be seen otherwise."""
    text = str(value)
    return repr(text) if not text or " " in text else text


def _time_of(timestamp: str) -> str:
    """Return the time of day with milliseconds, from an ISO timestamp in UTC."""
    return timestamp.partition("T")[2].rstrip("Z")[: _WIDTHS["timestamp"]]
