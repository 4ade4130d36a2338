"""Translation of the errors of the Docker SDK, requests and urllib3 into the ports' errors.

An APIError of the SDK is also a requests exception and an OSError.
"""

from collections.abc import Callable
from http import HTTPStatus
from socket import gaierror

from docker.errors import APIError, DockerException, ImageNotFound, NotFound, StreamParseError
from requests.exceptions import InvalidJSONError, RequestException, Timeout
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.container_host import (
    ContainerGone,
    ContainerNameInUse,
    ContainerRuns,
    ContainerStartFailed,
    DockerUnavailable,
    HostRefused,
    HostSilent,
    ImagePullFailed,
    PullFault,
    StartConfigInvalid,
)
from rtmanager.domain.texts import printable

SDK_ERRORS = (DockerException, RequestException, HTTPError, OSError, StreamParseError)

_TIMEOUTS = (Timeout, Urllib3Timeout, TimeoutError)
_MESSAGE_LIMIT = 1000

Refusal = Callable[[APIError], RuntimeManagerError]
"""Turns Docker's error answer to one kind of call into the port's error."""


class ImageGone(HostRefused):
    """The image is not on the host."""


class NetworkGone(HostRefused):
    """The network does not exist."""


class RemovalInProgress(HostRefused):
    """The container is being removed already."""


class ApiVersionRefused(DockerUnavailable):
    """Docker no longer supports the negotiated API version."""


def translate(error: Exception, host: str, refused: Refusal) -> RuntimeManagerError:
    """Return the domain's error for what the SDK raised."""
    if isinstance(error, APIError):
        return _version_refusal(error) or refused(error)
    if isinstance(error, DockerException):
        return HostRefused(str(error))
    if isinstance(error, InvalidJSONError):
        return no_docker(host)
    root = _root(error)
    if any(isinstance(one, _TIMEOUTS) for one in (error, root)):
        return HostSilent(f"the Docker daemon at {host} did not answer in time")
    reason = _words(root) or type(root).__name__
    return DockerUnavailable(f"the Docker daemon at {host} cannot be reached: {reason}")


def _words(root: BaseException) -> str:
    """Return what the error says, without the number or the object in front of it."""
    if isinstance(root, gaierror):
        return f"the name of the host cannot be resolved: {root.strerror}"
    if isinstance(root, OSError) and root.errno and root.strerror:
        return root.strerror
    return str(root)


def no_docker(host: str) -> DockerUnavailable:
    """Return the error for a server that is not a Docker daemon."""
    return DockerUnavailable(f"the server at {host} is not a Docker daemon")


def refused(error: APIError) -> RuntimeManagerError:
    """Return the error for an ordinary call that Docker refused."""
    message = _message(error)
    if isinstance(error, ImageNotFound):
        return ImageGone(message)
    if _is_gone(error):
        return ContainerGone(message)
    if error.status_code == HTTPStatus.CONFLICT:
        return _conflict(message)
    return HostRefused(message)


def _conflict(message: str) -> HostRefused:
    """Return the error for a conflict; only Docker's message shows which one it is.

    Docker refuses a paused container like a running one; all its versions say "stop the container
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
    """Return the error for a create: what Docker rejects is our configuration."""
    if error.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
        return StartConfigInvalid(_message(error))
    return refused(error)


def start_refused(error: APIError) -> RuntimeManagerError:
    """Return the error for a start; a missing network is a 404, like a missing container."""
    message = _message(error)
    return ContainerGone(message) if _is_gone(error) else ContainerStartFailed(message)


def network_refused(error: APIError) -> RuntimeManagerError:
    """Return the error for a network inspection."""
    is_gone = isinstance(error, NotFound) and "network" in _message(error).lower()
    return NetworkGone(_message(error)) if is_gone else refused(error)


def pull_refused(error: APIError) -> RuntimeManagerError:
    """Return the error for a pull that failed before its stream began."""
    return pull_failed(_message(error))


def pull_failed(answer: str) -> ImagePullFailed:
    """Return the error for a pull that failed with this answer, which is kept from callers."""
    lowered = answer.lower()
    faults = (fault for fault, phrases in _PULL_FAULTS if any(each in lowered for each in phrases))
    return ImagePullFailed(next(faults, PullFault.OTHER), detail=answer)


_PULL_FAULTS = (
    (PullFault.UNKNOWN_IMAGE, ("manifest unknown", "name unknown", "repository does not exist")),
    (
        PullFault.REFUSED,
        ("no basic auth credentials", "unauthorized", "authentication required", "denied"),
    ),
    (PullFault.TOO_MANY, ("toomanyrequests",)),
    (PullFault.NOT_TRUSTED, ("x509:", "tls:", "server gave http response")),
    (
        PullFault.UNREACHABLE,
        ("connection refused", "no such host", "no route to host", "network is unreachable"),
    ),
    (PullFault.NO_ANSWER, ("timeout", "deadline exceeded", "request canceled")),
    (PullFault.NO_SPACE, ("no space left on device",)),
)
"""How Docker names a fault; its message is the only thing that distinguishes them."""


def _is_gone(error: APIError) -> bool:
    """Return whether Docker itself reports the container as missing.

    A proxy between us and Docker may answer 404 too, which says nothing about the container.
    """
    return isinstance(error, NotFound) and "no such container" in _message(error).lower()


def _version_refusal(error: APIError) -> RuntimeManagerError | None:
    """Recognise a Docker that was replaced by one with different API versions."""
    message = _message(error)
    if error.status_code == HTTPStatus.BAD_REQUEST and message.startswith("client version"):
        return ApiVersionRefused(message)
    return None


def _message(error: APIError) -> str:
    """Return Docker's own message, which may quote an image or a caller: cut, and printable."""
    return printable(str(error.explanation or error), _MESSAGE_LIMIT)


def _root(error: BaseException) -> BaseException:
    """Return the innermost error, which has the reason; requests and urllib3 wrap it.

    For urllib3 a refused connection is a kind of timeout: what it comes from is not.
    """
    if isinstance(error, NewConnectionError):
        return error.__cause__ or error.__context__ or OSError(str(error))
    wrapped = [getattr(error, "reason", None), *reversed(error.args)]
    inner = next((one for one in wrapped if isinstance(one, BaseException)), None)
    return error if inner is None else _root(inner)
