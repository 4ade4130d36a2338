"""Refusals of requests that no endpoint sees: counted, and logged so that a flood stays short."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import structlog
from opentelemetry import metrics
from starlette.types import Scope

from rtmanager.domain.errors import InvalidRequest
from rtmanager.domain.texts import printable

log = structlog.get_logger(__name__)

LOG_INTERVAL = 60.0
"""Seconds between two log lines about the same reason."""

LONGEST_PATH = 100
"""Characters of a path in a log line."""

_counter = metrics.get_meter(__name__).create_counter(
    "rtmanager.requests.refused",
    unit="{request}",
    description="Requests refused because of who seems to have sent them.",
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


@dataclass(slots=True)
class _Logged:
    """When a reason was last logged, and the number of refusals since then."""

    at: float
    since: int = 0


@dataclass(slots=True)
class Refusals:
    """Counts every refusal; logs the first of a reason, then one a minute with their number."""

    now: Callable[[], float] = time.monotonic
    _logged: dict[RefusalReason, _Logged] = field(default_factory=dict)

    def record(self, refused: RefusedRequest, scope: Scope) -> None:
        """Count a refusal, and log it unless its reason was logged less than a minute ago."""
        _counter.add(1, {"reason": refused.reason.value})
        last = self._logged.setdefault(refused.reason, _Logged(-LOG_INTERVAL))
        last.since += 1
        if self.now() - last.at < LOG_INTERVAL:
            return
        log.warning(
            "request_refused",
            reason=refused.reason.value,
            count=last.since,
            peer=_peer_of(scope),
            method=scope["method"],
            path=printable(scope["path"], LONGEST_PATH),
            cause=refused.message,
        )
        self._logged[refused.reason] = _Logged(self.now())


def _peer_of(scope: Scope) -> str:
    """Return the address of the client, or of the proxy in front; empty when there is none."""
    client = scope.get("client")
    return client[0] if client else ""
