"""Every error of the Docker SDK, and of what lies below it, in the domain's words.

Note the SDK's family tree: an APIError is a requests exception and an OSError too.
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
    """Docker no longer speaks the API version agreed on."""


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
        return HostSilent(f"the Docker engine at {host} did not answer in time")
    words = str(root) or type(root).__name__
    return DockerUnavailable(f"the Docker engine at {host} cannot be reached: {words}")


def no_docker(host: str) -> DockerUnavailable:
    """Return the error of something that answers, but not as Docker does."""
    return DockerUnavailable(f"what answers at {host} is not a Docker engine")


def refused(error: APIError) -> RuntimeManagerError:
    """Return the error of an ordinary call that Docker refused."""
    words = _words(error)
    if isinstance(error, ImageNotFound):
        return ImageGone(words)
    if _says_gone(error):
        return ContainerGone(words)
    if error.status_code == HTTPStatus.CONFLICT:
        return _conflict(words)
    return HostRefused(words)


def _conflict(words: str) -> HostRefused:
    """Tell the conflicts apart, which only Docker's words do.

    A paused container is refused like a running one; "stop the container before" is common to all
    of Docker's versions.
    """
    kinds = {
        "already in use": ContainerNameInUse,
        "already in progress": RemovalInProgress,
        "stop the container before": ContainerRuns,
    }
    lowered = words.lower()
    return next((kind for says, kind in kinds.items() if says in lowered), HostRefused)(words)


def create_refused(error: APIError) -> RuntimeManagerError:
    """Return the error of a create: what Docker does not accept is our configuration."""
    if error.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
        return StartConfigInvalid(_words(error))
    return refused(error)


def start_refused(error: APIError) -> RuntimeManagerError:
    """Return the error of a start; a missing network is a 404 as a missing container is."""
    words = _words(error)
    return ContainerGone(words) if _says_gone(error) else ContainerStartFailed(words)


def pull_refused(error: APIError) -> RuntimeManagerError:
    """Return the error of a pull that failed before its stream began."""
    return ImagePullFailed(_words(error))


def _says_gone(error: APIError) -> bool:
    """Tell Docker's word that a container is gone from any other 404.

    Something between us and Docker may answer 404 too, and must not make containers vanish.
    """
    return isinstance(error, NotFound) and "no such container" in _words(error).lower()


def _version_refusal(error: APIError) -> RuntimeManagerError | None:
    """Recognise a Docker that was replaced by one of another generation."""
    words = _words(error)
    if error.status_code == HTTPStatus.BAD_REQUEST and words.startswith("client version"):
        return ApiVersionRefused(words)
    return None


def _words(error: APIError) -> str:
    """Return Docker's own words."""
    return str(error.explanation or error)


def _root(error: BaseException) -> BaseException:
    """Return the innermost error, which says what happened; requests and urllib3 only wrap it."""
    wrapped = [getattr(error, "reason", None), *reversed(error.args)]
    inner = next((one for one in wrapped if isinstance(one, BaseException)), None)
    return error if inner is None else _root(inner)
