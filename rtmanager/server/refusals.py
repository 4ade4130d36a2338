"""Connections that were refused: each is counted, few are logged."""

from enum import StrEnum

from opentelemetry import metrics

from rtmanager.telemetry.repeated_events import RepeatedEvents

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


class RefusedConnections:
    """Counts refusals, and logs them so that a flood stays short."""

    def __init__(self, events: RepeatedEvents) -> None:
        self._events = events
        for reason in Reason:
            _counter.add(0, {"reason": reason})

    def add(self, reason: Reason, **details: str) -> None:
        """Count and maybe log one refusal."""
        _counter.add(1, {"reason": reason})
        self._events.add("connections_refused", reason, **details)
