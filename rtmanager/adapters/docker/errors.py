"""Translates the errors of the Docker SDK, requests and urllib3 into those of the ports.

An APIError of the SDK is a requests exception and an OSError, too.
"""

from collections.abc import Callable
from http import HTTPStatus

from docker.errors import APIError, DockerException, ImageNotFound, NotFound, StreamParseError
from requests.exceptions import InvalidJSONError, RequestException, Timeout
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.container_host import (
    ContainerGone,
    ContainerNameInUse,
    ContainerRuns,
    ContainerStartFailed,
    DockerUnavailable,
    HostRefused,
    ImagePullFailed,
    StartConfigInvalid,
)

SDK_ERRORS = (DockerException, RequestException, HTTPError, OSError, StreamParseError)

Refusal = Callable[[APIError], RuntimeManagerError]
"""Turns Docker's answer to one kind of call into the port's error."""


class ImageGone(HostRefused):
    """The image is not on the host."""


class RemovalInProgress(HostRefused):
    """The container is being removed already."""


class HostSilent(DockerUnavailable):
    """Docker did not answer in time."""


class ApiVersionRefused(DockerUnavailable):
    """Docker no longer supports the API version agreed on."""


def translate(error: Exception, host: str, refused: Refusal) -> RuntimeManagerError:
    """Return the domain's error for whatever the SDK raised."""
    if isinstance(error, APIError):
        return _version_refusal(error) or refused(error)
    if isinstance(error, DockerException):
        return HostRefused(str(error))
    if isinstance(error, InvalidJSONError):
        return no_docker(host)
    root = _root(error)
    if any(isinstance(one, Timeout | Urllib3Timeout | TimeoutError) for one in (error, root)):
        return HostSilent(f"the Docker daemon at {host} did not answer in time")
    reason = str(root) or type(root).__name__
    return DockerUnavailable(f"the Docker daemon at {host} cannot be reached: {reason}")


def no_docker(host: str) -> DockerUnavailable:
    """Return the error of a server that is not a Docker."""
    return DockerUnavailable(f"what answers at {host} is not a Docker daemon")


def refused(error: APIError) -> RuntimeManagerError:
    """Return the error of an ordinary call that Docker refused."""
    message = _message(error)
    if isinstance(error, ImageNotFound):
        return ImageGone(message)
    if _is_gone(error):
        return ContainerGone(message)
    if error.status_code == HTTPStatus.CONFLICT:
        return _conflict(message)
    return HostRefused(message)


def _conflict(message: str) -> HostRefused:
    """Return the error of a conflict; only Docker's message shows which one it is.

    A paused container is refused like a running one; all versions of Docker say "stop the container
    before".
    """
    kinds = {
        "already in use": ContainerNameInUse,
        "already in progress": RemovalInProgress,
        "stop the container before": ContainerRuns,
    }
    lowered = message.lower()
    return next((kind for phrase, kind in kinds.items() if phrase in lowered), HostRefused)(message)


def create_refused(error: APIError) -> RuntimeManagerError:
    """Return the error of a create: what Docker rejects is our configuration."""
    if error.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
        return StartConfigInvalid(_message(error))
    return refused(error)


def start_refused(error: APIError) -> RuntimeManagerError:
    """Return the error of a start; a missing network is a 404 as a missing container is."""
    message = _message(error)
    return ContainerGone(message) if _is_gone(error) else ContainerStartFailed(message)


def pull_refused(error: APIError) -> RuntimeManagerError:
    """Return the error of a pull that failed before its stream began."""
    return ImagePullFailed(_message(error))


def _is_gone(error: APIError) -> bool:
    """Return whether it is Docker that reports the container as missing.

    A proxy between us and Docker may answer 404 as well, and that means no missing container.
    """
    return isinstance(error, NotFound) and "no such container" in _message(error).lower()


def _version_refusal(error: APIError) -> RuntimeManagerError | None:
    """Recognise a Docker that was replaced by one with other API versions."""
    message = _message(error)
    if error.status_code == HTTPStatus.BAD_REQUEST and message.startswith("client version"):
        return ApiVersionRefused(message)
    return None


def _message(error: APIError) -> str:
    """Return Docker's own message."""
    return str(error.explanation or error)


def _root(error: BaseException) -> BaseException:
    """Return the innermost error, which has the reason; requests and urllib3 only wrap it."""
    wrapped = [getattr(error, "reason", None), *reversed(error.args)]
    inner = next((one for one in wrapped if isinstance(one, BaseException)), None)
    return error if inner is None else _root(inner)
