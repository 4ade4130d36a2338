"""One class per stable error code of the contract, independent of HTTP."""

from copy import copy
from enum import StrEnum
from typing import ClassVar, Self

from rtmanager.domain.texts import printable


class ErrorCode(StrEnum):
    """The stable error codes of the contract (components/schemas/ErrorCode)."""

    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    SERVICE_UNAVAILABLE = "service_unavailable"
    INTERNAL_ERROR = "internal_error"
    IMAGE_PULL_FAILED = "image_pull_failed"
    IMAGE_REF_NOT_SEMVER = "image_ref_not_semver"
    SEMVER_PATCH_ONLY = "semver_patch_only"
    CONTAINER_START_FAILED = "container_start_failed"
    START_CONFIG_INVALID = "start_config_invalid"
    DOCKER_UNAVAILABLE = "docker_unavailable"
    REPLAY_NO_OP = "replay_no_op"


class RuntimeManagerError(Exception):
    """internal error."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL_ERROR
    detail: str | None
    is_logged = False
    """Whether the line of an operation reports it: nobody has to log it again."""

    def __init__(self, message: str | None = None, *, detail: str | None = None) -> None:
        """Carry `message`, by default the class docstring, and a private `detail`.

        The detail is for the log and the operation's row: no caller may see it. Both are cut and
        escaped, because they may quote what someone else has sent.
        """
        super().__init__(printable(message or (type(self).__doc__ or "").rstrip(".")))
        self.detail = printable(detail) if detail else None

    @property
    def message(self) -> str:
        """What went wrong and what to do about it, for the caller."""
        return str(self)

    def extended(self, sentence: str) -> Self:
        """Return a copy of the error with a sentence appended for this caller."""
        error = copy(self)
        error.args = (printable(f"{self.message}; {sentence}"),)
        return error


class InternalError(RuntimeManagerError):
    """internal server error."""


class InvalidRequest(RuntimeManagerError):
    """request is invalid."""

    code = ErrorCode.INVALID_REQUEST


class NotFound(RuntimeManagerError):
    """runtime record not found."""

    code = ErrorCode.NOT_FOUND


class Conflict(RuntimeManagerError):
    """operation not allowed in current status."""

    code = ErrorCode.CONFLICT


class ServiceUnavailable(RuntimeManagerError):
    """service is unavailable."""

    code = ErrorCode.SERVICE_UNAVAILABLE


class DockerUnavailable(RuntimeManagerError):
    """Docker cannot be reached or did not answer in time."""

    code = ErrorCode.DOCKER_UNAVAILABLE


class ImagePullFailed(RuntimeManagerError):
    """the image could not be pulled."""

    code = ErrorCode.IMAGE_PULL_FAILED


class ImageRefNotSemver(RuntimeManagerError):
    """the tag of the image reference is not a semantic version."""

    code = ErrorCode.IMAGE_REF_NOT_SEMVER


class SemverPatchOnly(RuntimeManagerError):
    """only patch levels within the same major and minor version are allowed."""

    code = ErrorCode.SEMVER_PATCH_ONLY


class StartConfigInvalid(RuntimeManagerError):
    """the engine container cannot be created from this configuration."""

    code = ErrorCode.START_CONFIG_INVALID


class ContainerStartFailed(RuntimeManagerError):
    """the engine container did not start."""

    code = ErrorCode.CONTAINER_START_FAILED


_CLASSES: dict[ErrorCode, type[RuntimeManagerError]] = {
    each.code: each
    for each in (
        InternalError,
        InvalidRequest,
        NotFound,
        Conflict,
        ServiceUnavailable,
        DockerUnavailable,
        ImagePullFailed,
        ImageRefNotSemver,
        SemverPatchOnly,
        StartConfigInvalid,
        ContainerStartFailed,
    )
}


def error_of(code: ErrorCode, message: str, *, detail: str | None = None) -> RuntimeManagerError:
    """Return the error of this code."""
    return _CLASSES[code](message, detail=detail)
