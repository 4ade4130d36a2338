"""What a call can raise: one class per code of the contract, and three for no usable answer."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from rtmanager.client.vocabulary import ErrorCode


class ClientError(Exception):
    """A call failed; the message says why and, where possible, what to do."""

    of_code: ClassVar[ErrorCode | None] = None

    def __init__(
        self,
        message: str,
        *,
        request_id: str,
        code: ErrorCode | None = None,
        status: int | None = None,
    ) -> None:
        """Carry what is known; `code` and `status` are None if the service did not answer."""
        super().__init__(message)
        self.message = message
        self.request_id = request_id
        self.code = code
        self.status = status


class Unreachable(ClientError):
    """The service cannot be reached, or the connection was lost before its answer was complete."""

    def __init__(self, message: str, *, request_id: str, was_sent: bool) -> None:
        """Say whether the request may have arrived: then an operation may have begun."""
        super().__init__(message, request_id=request_id)
        self.was_sent = was_sent


class TimedOut(Unreachable):
    """The service did not answer in time."""


class UnexpectedAnswer(ClientError):
    """What answered does not keep the contract: another server, a proxy, or another version."""


class ApiError(ClientError):
    """The service refused a request, or failed to execute it."""


class InvalidRequest(ApiError):
    """The request is wrong and was not executed."""

    of_code = ErrorCode.INVALID_REQUEST


class Unauthorized(InvalidRequest):
    """The service wants a token, or does not know this one."""


class Forbidden(InvalidRequest):
    """The service does not accept requests for this host."""


class StartConfigInvalid(ApiError):
    """The engine's container cannot be created from this configuration."""

    of_code = ErrorCode.START_CONFIG_INVALID


class ImageRefNotSemver(ApiError):
    """A patch needs image references whose tags are semantic versions."""

    of_code = ErrorCode.IMAGE_REF_NOT_SEMVER


class NotFound(ApiError):
    """The game, the operation or the node does not exist, or the game has no container."""

    of_code = ErrorCode.NOT_FOUND


class Conflict(ApiError):
    """Not allowed in this status, or another operation on the game is running."""

    of_code = ErrorCode.CONFLICT


class SemverPatchOnly(ApiError):
    """A patch must keep the major and minor version."""

    of_code = ErrorCode.SEMVER_PATCH_ONLY


class InternalError(ApiError):
    """A defect of the service, or a refusal by Docker."""

    of_code = ErrorCode.INTERNAL_ERROR


class ImagePullFailed(ApiError):
    """The image cannot be obtained."""

    of_code = ErrorCode.IMAGE_PULL_FAILED


class ContainerStartFailed(ApiError):
    """The engine did not start or did not stay up."""

    of_code = ErrorCode.CONTAINER_START_FAILED


class DockerUnavailable(ApiError):
    """Docker cannot be reached or does not answer in time."""

    of_code = ErrorCode.DOCKER_UNAVAILABLE


class ServiceUnavailable(ApiError):
    """Postgres or Redis cannot be reached, or the service is shutting down."""

    of_code = ErrorCode.SERVICE_UNAVAILABLE


_OF_STATUS: Mapping[int, type[ApiError]] = {
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Forbidden,
}
_OF_CODE: Mapping[ErrorCode | None, type[ApiError]] = {
    each.of_code: each
    for each in (
        InvalidRequest,
        StartConfigInvalid,
        ImageRefNotSemver,
        NotFound,
        Conflict,
        SemverPatchOnly,
        InternalError,
        ImagePullFailed,
        ContainerStartFailed,
        DockerUnavailable,
        ServiceUnavailable,
    )
}


def error_of(code: ErrorCode, message: str, *, status: int, request_id: str) -> ApiError:
    """Return the error of an answer; a code of a newer service is a plain `ApiError`."""
    kind = _OF_STATUS.get(status) or _OF_CODE.get(code, ApiError)
    return kind(message, request_id=request_id, code=code, status=status)
