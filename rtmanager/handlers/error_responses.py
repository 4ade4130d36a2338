"""From errors to answers: the only place that knows which HTTP status an error has."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException

from rtmanager.domain.errors import ErrorCode, InternalError, RuntimeManagerError
from rtmanager.handlers.asgi import Header, JsonObject
from rtmanager.handlers.strict_json import BodyTooLarge

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
"""The status of every code; `replay_no_op` is missing because a replay is no error."""

_NOT_FOUND, _METHOD_NOT_ALLOWED, _TOO_LARGE, _FIRST_SERVER_ERROR = 404, 405, 413, 500
_MESSAGE_LIMIT = 400


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An answer in the contract's error envelope. A `defect` is ours, to be logged and mended."""

    status: int
    code: ErrorCode
    message: str
    headers: tuple[Header, ...] = ()
    defect: bool = False

    @property
    def payload(self) -> JsonObject:
        """The error envelope."""
        return {"error": {"code": self.code, "message": self.message}}


def answer_to(error: Exception) -> ErrorAnswer:
    """Return the answer to any error that a request can end in."""
    if isinstance(error, BodyTooLarge):
        return ErrorAnswer(_TOO_LARGE, error.code, error.message)
    if isinstance(error, RuntimeManagerError):
        return ErrorAnswer(STATUS_OF_CODE[error.code], error.code, error.message)
    if isinstance(error, HTTPException) and error.status_code < _FIRST_SERVER_ERROR:
        return _answer_of_framework(error)
    return ErrorAnswer(
        STATUS_OF_CODE[InternalError.code], InternalError.code, InternalError().message, defect=True
    )


def _answer_of_framework(error: HTTPException) -> ErrorAnswer:
    """Return the answer to what the router or the request validation refused."""
    if error.status_code == _NOT_FOUND:
        return ErrorAnswer(_NOT_FOUND, ErrorCode.NOT_FOUND, "there is no such path")
    if error.status_code == _METHOD_NOT_ALLOWED:
        return _method_not_allowed((error.headers or {}).get("Allow", "GET, HEAD"))
    code = ErrorCode.INVALID_REQUEST
    return ErrorAnswer(STATUS_OF_CODE[code], code, _one_line(error.detail or "request is invalid"))


def _method_not_allowed(allow: str) -> ErrorAnswer:
    allowed = ", ".join(sorted(allow.split(", ")))
    return ErrorAnswer(
        _METHOD_NOT_ALLOWED,
        ErrorCode.INVALID_REQUEST,
        f"this path does not have this method; it has {allowed}",
        headers=((b"allow", allowed.encode("ascii")),),
    )


def _one_line(detail: str) -> str:
    """Return the framework's words, which may quote the caller's, printable and bounded."""
    first = detail.partition("\n")[0][:_MESSAGE_LIMIT]
    return first.encode("ascii", "backslashreplace").decode("ascii")
