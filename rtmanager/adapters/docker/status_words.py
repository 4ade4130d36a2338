"""What Docker's list shows of a container only in words: since when it runs, and its health."""

import re

_UP = re.compile(
    r"Up (Less than a|About an?|\d{1,9}) (second|minute|hour|day|week|month|year)s?"
    r"(?: \((?:health: )?(healthy|unhealthy|starting)\))?"
)
_AMOUNTS = {"Less than a": 0, "About a": 1, "About an": 1}
_DAY = 86_400
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 30 * _DAY,
    "year": 365 * _DAY,
}
_ROUNDED = 1_800
"""Docker rounds to full hours before it counts hours, days and more; all else it cuts off."""


def up_and_health(words: str) -> tuple[float | None, str | None]:
    """Return for how many seconds the process has run at least, and what its health check says.

    Both are None when the words are others, as those of a container that is paused or ended.
    """
    found = _UP.fullmatch(words)
    if found is None:
        return None, None
    amount, unit, health = found.groups()
    number = _AMOUNTS[amount] if amount in _AMOUNTS else int(amount)
    seconds = number * _SECONDS[unit]
    return max(0, seconds - _ROUNDED if unit not in {"second", "minute"} else seconds), health
