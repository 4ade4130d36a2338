"""Sends every error in the contract's envelope; the only place with HTTP error codes."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rtmanager.domain.errors import (
    ErrorCode,
    InternalError,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.texts import printable
from rtmanager.handlers.ascii_json import AsciiJson, JsonObject
from rtmanager.handlers.refusals import (
    ForeignCaller,
    RefusedRequest,
    RefusedRequests,
    Unauthorized,
)
from rtmanager.handlers.strict_json import BodyTooLarge
from rtmanager.telemetry.repeated_events import RepeatedEvents

log = structlog.get_logger(__name__)

STATUS_OF_CODE = {
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.START_CONFIG_INVALID: 400,
    ErrorCode.IMAGE_REF_NOT_SEMVER: 400,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.SEMVER_PATCH_ONLY: 409,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.IMAGE_PULL_FAILED: 500,
    ErrorCode.CONTAINER_START_FAILED: 500,
    ErrorCode.DOCKER_UNAVAILABLE: 503,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
}
"""The status of every code except `replay_no_op`, since a replay is not an error."""

CUT_OFF = (
    "the service shut down before it answered this request; an operation that has begun "
    "continues: send the same request again to learn its outcome"
)

_UNAUTHORIZED, _FORBIDDEN = 401, 403
_NOT_FOUND, _METHOD_NOT_ALLOWED, _TOO_LARGE, _FIRST_SERVER_ERROR = 404, 405, 413, 500
_MESSAGE_LIMIT = 400


class NoSuchPath(HTTPException):
    """The path is not in the contract; a hint may say which is."""

    def __init__(self, hint: str = "") -> None:
        message = "there is no such path"
        super().__init__(_NOT_FOUND, f"{message}; {hint}" if hint else message)


class ErrorBoundary:
    """ASGI middleware that answers for an application that raised an error."""

    def __init__(self, app: ASGIApp, refusals: RefusedRequests | None = None) -> None:
        self.app = app
        self.refusals = refusals or RefusedRequests(RepeatedEvents())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request; log a defect with its traceback, without showing it to the caller.

        An error after the answer has begun goes to the server, which logs it and closes the
        connection: half an answer must not look like a whole one. The server only cancels a request
        when its shutdown limit has passed.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        def send_watched(message: Message) -> Awaitable[None]:
            nonlocal begun
            begun = True
            return send(message)

        try:
            await self.app(scope, receive, send_watched)
        except asyncio.CancelledError:
            if begun:
                raise
            log.warning("request_cut_off", method=scope["method"], path=scope["path"])
            await answer_to(ServiceUnavailable(CUT_OFF)).response(scope, receive, send)
        except Exception as error:
            if begun:
                raise
            answer = answer_to(error)
            if answer.is_defect:
                log.exception("request_failed", method=scope["method"], path=scope["path"])
            if not isinstance(error, RefusedRequest):  # whoever refused it has recorded it
                is_logged = answer.is_defect or getattr(error, "is_logged", False)
                self.refusals.answered(answer, scope, is_logged=is_logged)
            await answer.response(scope, receive, send)


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An answer in the contract's error envelope. A defect is a bug of ours, to be logged."""

    status: int
    code: ErrorCode
    message: str
    headers: Mapping[str, str] | None = None
    is_defect: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether the request was good, and could not be done."""
        return self.status >= _FIRST_SERVER_ERROR

    @property
    def response(self) -> AsciiJson:
        """The response with the envelope."""
        envelope: JsonObject = {"error": {"code": self.code, "message": self.message}}
        return AsciiJson(envelope, self.status, self.headers)


def answer_to(error: Exception) -> ErrorAnswer:
    """Return the answer to any error of a request."""
    if isinstance(error, Unauthorized):
        headers = {"www-authenticate": error.challenge}
        return ErrorAnswer(_UNAUTHORIZED, error.code, error.message, headers)
    if isinstance(error, ForeignCaller):
        return ErrorAnswer(_FORBIDDEN, error.code, error.message)
    if isinstance(error, BodyTooLarge):
        return ErrorAnswer(_TOO_LARGE, error.code, error.message)
    if isinstance(error, RuntimeManagerError):
        return ErrorAnswer(STATUS_OF_CODE[error.code], error.code, error.message)
    if isinstance(error, HTTPException) and error.status_code < _FIRST_SERVER_ERROR:
        return _answer_of_framework(error)
    code = InternalError.code
    return ErrorAnswer(STATUS_OF_CODE[code], code, InternalError().message, is_defect=True)


def _answer_of_framework(error: HTTPException) -> ErrorAnswer:
    """Return the answer to an error of the router or the request validation."""
    if error.status_code == _NOT_FOUND:
        known = error if isinstance(error, NoSuchPath) else NoSuchPath()
        return ErrorAnswer(_NOT_FOUND, ErrorCode.NOT_FOUND, known.detail)
    if error.status_code == _METHOD_NOT_ALLOWED:
        return _method_not_allowed((error.headers or {}).get("Allow", "GET, HEAD"))
    code = ErrorCode.INVALID_REQUEST
    message = _first_line(error.detail or "request is invalid")
    return ErrorAnswer(STATUS_OF_CODE[code], code, message)


def _method_not_allowed(allow: str) -> ErrorAnswer:
    allowed = ", ".join(sorted(allow.split(", ")))
    return ErrorAnswer(
        _METHOD_NOT_ALLOWED,
        ErrorCode.INVALID_REQUEST,
        f"the path does not support this method; allowed: {allowed}",
        headers={"allow": allowed},
    )


def _first_line(detail: str) -> str:
    """Return the framework's message, which may quote the caller, shortened and printable."""
    first = detail.partition("\n")[0].encode("ascii", "backslashreplace").decode("ascii")
    return printable(first, _MESSAGE_LIMIT)
