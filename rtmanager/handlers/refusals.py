"""Refusals of requests: each is counted; of a flood few are logged."""

from enum import StrEnum
from typing import Protocol

from opentelemetry import metrics
from starlette.types import Scope

from rtmanager.domain.errors import ErrorCode, InvalidRequest
from rtmanager.domain.texts import printable
from rtmanager.handlers.headers import REQUEST_ID_KEY
from rtmanager.telemetry.repeated_events import RepeatedEvents, Volume

LONGEST_PATH = 100
"""Characters of a path in a log line."""

BURST = 20
"""Lines a minute of one status and code: a caller who asks is found, a flood stays short."""

_OURS, _THEIRS = Volume("warning", BURST), Volume("info", BURST)

_counter = metrics.get_meter(__name__).create_counter(
    "rtmanager.requests.refused",
    unit="{request}",
    description="Requests refused because of who seems to have sent them (reason), and all other "
    "answers that are errors (status and code).",
)


class RefusalReason(StrEnum):
    """Why a request was refused: the attribute of the counter and the field of the log line."""

    INVALID_HOST = "invalid_host"
    FOREIGN_HOST = "foreign_host"
    FOREIGN_ORIGIN = "foreign_origin"
    NO_TOKEN = "no_token"  # noqa: S105 - not a password
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105 - not a password


class RefusedRequest(InvalidRequest):
    """the request is refused."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ForeignCaller(RefusedRequest):
    """the request comes from a page of another site."""


class Unauthorized(RefusedRequest):
    """the request has no token that is known here."""

    @property
    def challenge(self) -> str:
        """The value of the WWW-Authenticate header, as in RFC 6750."""
        is_missing = self.reason is RefusalReason.NO_TOKEN
        return "Bearer" if is_missing else 'Bearer error="invalid_token"'


class Refusal(Protocol):
    """An answer that is an error."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def code(self) -> ErrorCode:
        """The code of the contract."""

    @property
    def message(self) -> str:
        """What the caller is told."""

    @property
    def is_ours(self) -> bool:
        """Whether the request was good, and could not be done."""


class RefusedRequests:
    """Counts refusals, and logs them so that a flood stays short."""

    def __init__(self, events: RepeatedEvents) -> None:
        self._events = events
        for reason in RefusalReason:
            _counter.add(0, {"reason": reason.value})

    def record(self, refused: RefusedRequest, scope: Scope) -> None:
        """Count and maybe log one refusal."""
        _counter.add(1, {"reason": refused.reason.value})
        self._events.add(
            "request_refused",
            refused.reason.value,
            peer=_peer_of(scope),
            method=scope["method"],
            path=printable(scope["path"], LONGEST_PATH),
            cause=refused.message,
        )

    def answered(self, refusal: Refusal, scope: Scope, *, is_logged: bool) -> None:
        """Count an error that is the answer to a request, and maybe log it unless that was done."""
        labels = {"status": str(refusal.status), "code": refusal.code.value}
        _counter.add(1, labels)
        if is_logged:
            return
        self._events.add(
            "request_refused",
            " ".join(labels.values()),
            _OURS if refusal.is_ours else _THEIRS,
            peer=_peer_of(scope),
            method=scope["method"],
            path=printable(scope["path"], LONGEST_PATH),
            status=refusal.status,
            error_code=refusal.code.value,
            error=refusal.message,
            # A line that is written later is not within this request.
            request_id=scope.get(REQUEST_ID_KEY, ""),
        )


def _peer_of(scope: Scope) -> str:
    """Return the address of the client, or of the proxy in front; empty when there is none."""
    client = scope.get("client")
    return client[0] if client else ""
