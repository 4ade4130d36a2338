"""Times, durations and names as people read them; `assets/times.js` does the same for ages."""

import re
from datetime import UTC, datetime

_GAME_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,50}")
_SHORT_ID = 12
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SHORT_MS = 1_000
_ONE_DIGIT_S = 10


def span(seconds: float) -> str:
    """Return a length of time in its largest unit, such as `5 min`."""
    for size, unit in ((_DAY * 2, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{int(seconds // (_DAY if unit == 'd' else size))} {unit}"
    return f"{max(int(seconds), 0)} s"


def since(at: datetime, now: datetime) -> str:
    """Return how long ago something was."""
    return span((now - at).total_seconds())


def duration(milliseconds: float) -> str:
    """Return how long something took, such as `850 ms`, `3.2 s` or `2 min 5 s`."""
    if milliseconds < _SHORT_MS:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / _SHORT_MS
    if seconds < _ONE_DIGIT_S:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), _MINUTE)
    return f"{minutes} min {rest} s" if minutes < _MINUTE else span(seconds)


def machine_time(at: datetime) -> str:
    """Return a time for the page's scripts."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def full_time(at: datetime) -> str:
    """Return a time in full, in UTC."""
    # A third of what a format costs: the list has two of them in each row.
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"


def clock_time(at: datetime) -> str:
    """Return the time of day with milliseconds, in UTC."""
    return f"{at.astimezone(UTC):%H:%M:%S.%f}"[:-3]


def short_id(container_id: str) -> str:
    """Return a container's id as Docker's own commands show it."""
    return container_id[:_SHORT_ID]


def is_game_id(text: str) -> bool:
    """Return whether a game with such an id can be started; any text may stand in an address."""
    return _GAME_ID.fullmatch(text) is not None
