"""Connections that were refused: each is counted, few are logged, so that a flood fills no log."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum

import structlog
from opentelemetry import metrics

log = structlog.get_logger(__name__)

LOG_INTERVAL = 60.0
"""Seconds between two log lines of the same reason."""

_counter = metrics.get_meter(__name__).create_counter(
    "rtmanager.connections.refused",
    description="Connections to the REST API that were closed before an answer of the application.",
)


class Reason(StrEnum):
    """Why a connection was closed."""

    NOT_ADMITTED = "not_admitted"
    ADMISSION_FAILED = "admission_failed"
    CROWDED_OUT = "crowded_out"
    TOO_MANY_REQUESTS = "too_many_requests"
    SILENT = "silent"
    REQUEST_TIMEOUT = "request_timeout"
    ANSWER_NOT_READ = "answer_not_read"
    HEAD_TOO_LARGE = "head_too_large"
    MALFORMED = "malformed"


class Refusals:
    """Counts refusals; logs at most one line per reason and minute, with the number since."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._unlogged: Counter[Reason] = Counter()
        self._latest: dict[Reason, Mapping[str, str]] = {}
        self._logged_at: dict[Reason, float] = {}

    def add(self, reason: Reason, **details: str) -> None:
        """Count one refusal, and log it unless its reason was logged within the minute."""
        _counter.add(1, {"reason": reason})
        self._unlogged[reason] += 1
        self._latest[reason] = details
        self._log(reason)

    @property
    def unlogged(self) -> bool:
        """Whether refusals were counted that are not in the log yet."""
        return bool(self._unlogged)

    def flush(self) -> None:
        """Log what was counted and not logged, where the minute has passed."""
        for reason in list(self._unlogged):
            self._log(reason)

    def _log(self, reason: Reason) -> None:
        now = self._now()
        if now - self._logged_at.get(reason, -LOG_INTERVAL) < LOG_INTERVAL:
            return
        self._logged_at[reason] = now
        shown = {name: value for name, value in self._latest[reason].items() if value}
        count = self._unlogged.pop(reason)
        log.warning("connections_refused", reason=reason, count=count, **shown)
