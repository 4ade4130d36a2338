"""Log lines of events that someone else can repeat at will: few, and with their number."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

LOG_INTERVAL = 60.0
"""Seconds after which the same event and reason may be logged again."""


@dataclass(frozen=True, slots=True)
class Volume:
    """How much of an event of one reason is logged, and how loud."""

    level: str = "warning"
    burst: int = 1
    """Lines that are written at once within a minute."""


_USUAL = Volume()


@dataclass(slots=True)
class _Repeated:
    """How often an event has occurred since its last line, and the latest occurrence."""

    began_at: float = -LOG_INTERVAL
    lines: int = 0
    """How many were logged in the interval that began then."""
    count: int = 0
    level: str = "warning"
    latest: dict[str, object] = field(default_factory=dict)


class RepeatedEvents:
    """Logs an event at once, and after a burst once a minute with the number of those since.

    It has no timer: whoever owns it calls `flush` from time to time, and `close` at the end, so
    that the last of a flood are logged although no more come.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._events: dict[tuple[str, str], _Repeated] = {}

    def add(self, event: str, reason: str, volume: Volume = _USUAL, /, **details: object) -> None:
        """Count an event, and log it unless a burst of its reason was logged within the minute.

        A line has the details of the latest; those that are empty are left out.
        """
        repeated = self._events.setdefault((event, reason), _Repeated())
        repeated.count += 1
        repeated.level, repeated.latest = volume.level, details
        if self._now() - repeated.began_at >= LOG_INTERVAL:
            repeated.began_at, repeated.lines = self._now(), 0
        if repeated.lines < volume.burst:
            self._log(event, reason)

    def flush(self) -> None:
        """Log what was counted and not logged, where the minute has passed."""
        due = self._now() - LOG_INTERVAL
        for key, repeated in self._events.items():
            if repeated.count and repeated.began_at <= due:
                repeated.began_at, repeated.lines = self._now(), 0
                self._log(*key)

    def close(self) -> None:
        """Log everything that was counted and not logged."""
        for key, repeated in self._events.items():
            if repeated.count:
                self._log(*key)

    def _log(self, event: str, reason: str) -> None:
        repeated = self._events[event, reason]
        shown = {name: value for name, value in repeated.latest.items() if value != ""}
        getattr(log, repeated.level)(event, reason=reason, count=repeated.count, **shown)
        repeated.lines += 1
        repeated.count = 0
