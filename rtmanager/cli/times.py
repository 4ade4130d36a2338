"""Times and durations as options."""

import re
from datetime import UTC, datetime, timedelta

import typer

_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def point_in_time(text: str) -> datetime:
    """Read `1h` as the time an hour ago, or a time such as `2026-04-28T20:39Z`."""
    now = datetime.now(UTC)
    if found := _DURATION.fullmatch(text):
        try:
            return now - int(found[1]) * _UNITS[found[2]]
        except OverflowError:
            raise typer.BadParameter(f"{text} is too long ago") from None
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a duration such as 30s, 5m, 2h or 7d, nor a time such as "
            "2026-04-28T20:39Z"
        ) from None
