"""A connection to Docker through its SDK: the API version, the limits, the unix socket."""

import socket
from pathlib import Path
from typing import Any

import docker
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import APIError, DockerException
from docker.transport.unixconn import (
    UnixHTTPAdapter,
    UnixHTTPConnection,
    UnixHTTPConnectionPool,
)
from docker.utils import version_lt
from requests.adapters import HTTPAdapter

from rtmanager.adapters.docker.errors import no_docker
from rtmanager.domain.ports.container_host import DockerUnavailable

MIN_API_VERSION = "1.41"
_ERROR_LIMIT = 64 * 1024
MAX_API_VERSION = str(DEFAULT_DOCKER_API_VERSION)


def connect(
    host: str, *, certificates: Path | None, timeout: float, pull_stall: float, connections: int
) -> Any:
    """Return an SDK client for the Docker at this address, with a negotiated API version.

    `certificates` is a directory as Docker's own client uses it: with ca.pem, which must have
    signed the daemon's certificate, and with cert.pem and key.pem, which are ours.

    The SDK's `version="auto"` takes the newest version that Docker offers, even one that the SDK
    does not support. Raises DockerUnavailable.
    """
    limits = (certificates, timeout, pull_stall, connections)
    asking = _build(host, MIN_API_VERSION, *limits)
    try:
        version = agree(asking.version(api_version=False), host)
    except APIError as error:
        raise no_docker(host) from error
    finally:
        asking.close()
    return _build(host, version, *limits)


def agree(answer: Any, host: str) -> str:
    """Return the highest version that both we and the Docker with this `/version` answer support.

    Raises DockerUnavailable, with what has to be upgraded, when there is none.
    """
    theirs, their_lowest = _offer(answer, host)
    if version_lt(theirs, MIN_API_VERSION):
        raise DockerUnavailable(
            f"the Docker daemon at {host} supports API {theirs} at most, but {MIN_API_VERSION} is "
            "needed; upgrade Docker to 20.10 or later"
        )
    if version_lt(MAX_API_VERSION, their_lowest):
        raise DockerUnavailable(
            f"the Docker daemon at {host} supports API {their_lowest} at least, but this Runtime "
            f"Manager supports {MAX_API_VERSION} at most; upgrade its docker package"
        )
    return theirs if version_lt(theirs, MAX_API_VERSION) else MAX_API_VERSION


def _offer(answer: Any, host: str) -> tuple[str, str]:
    try:
        theirs = str(answer["ApiVersion"])
        lowest = str(answer.get("MinAPIVersion") or MIN_API_VERSION)
        version_lt(theirs, "0"), version_lt(lowest, "0")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise no_docker(host) from error
    return theirs, lowest


def _build(host: str, version: str, certificates: Path | None, *limits: Any) -> Any:
    try:
        client = _Client(_over_tls(host) if certificates else host, version, *limits)
    except DockerException as error:
        raise DockerUnavailable(f"{host} is not a Docker address: {error}") from error
    if certificates is not None:
        # Set here, not by the SDK, which reports a missing file as a wrong parameter.
        client.verify = str(certificates / "ca.pem")
        client.cert = (str(certificates / "cert.pem"), str(certificates / "key.pem"))
    return client


def _over_tls(host: str) -> str:
    return f"https://{host.removeprefix('tcp://')}" if host.startswith("tcp://") else host


class _Client(docker.APIClient):
    """The SDK's client, with timeouts where the SDK sets none."""

    def __init__(
        self, host: str, version: str, timeout: float, pull_stall: float, connections: int
    ) -> None:
        seconds: Any = timeout  # the stubs say int, but it is passed to the socket
        super().__init__(base_url=host, version=version, timeout=seconds, max_pool_size=connections)
        self.trust_env = False  # a proxy for web traffic must not be used for Docker
        self._pull_stall = pull_stall
        theirs: Any = self.adapters.get("http+docker://")
        if isinstance(theirs, UnixHTTPAdapter):
            ours = _SocketAdapter(theirs.socket_path, seconds, max_pool_size=connections)
            self.mount("http+docker://", ours)
        else:
            # The SDK keeps ten connections over TCP, and connects anew for each further thread.
            for scheme in ("http://", "https://"):
                self.mount(scheme, HTTPAdapter(pool_maxsize=connections))

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send a request; only a pull has no timeout, and the SDK offers no way to set one."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._pull_stall
        return super().send(request, **kwargs)

    def _raise_for_status(self, response: Any) -> None:
        """Raise APIError for any error answer; the SDK fails on some bodies, and reads all of them.

        Docker repeats what a registry answered, however long that is.
        """
        if not response.ok and not response._content_consumed:  # noqa: SLF001 - a pull's
            response._content = response.raw.read(_ERROR_LIMIT)  # noqa: SLF001 - read no further
            response.close()
        sdk: Any = super()  # the stubs lack the method
        try:
            sdk._raise_for_status(response)  # noqa: SLF001 - our own superclass
        except (KeyError, TypeError) as error:
            message = f"{response.status_code} {response.reason}"
            raise APIError(message, response=response, explanation=message) from error


class _SocketConnection(UnixHTTPConnection):
    """A connection whose socket is closed when connecting fails.

    The SDK leaves it open, so each attempt to reach a Docker that is down would cost a file
    descriptor until the garbage collector runs.
    """

    def connect(self) -> None:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connecting.settimeout(self.timeout)
            connecting.connect(self.unix_socket)
        except OSError:
            connecting.close()
            raise
        self.sock = connecting


class _SocketPool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        timeout: Any = self.timeout  # replaced by the timeout of each request
        return _SocketConnection(self.base_url, self.socket_path, timeout)


class _SocketAdapter(UnixHTTPAdapter):
    """Connects to one unix socket, regardless of the URL."""

    def get_connection(self, url: Any, proxies: Any = None) -> Any:  # noqa: ARG002 - the SDK's
        """Return the pool of the socket's connections."""
        with self.pools.lock:
            pool = self.pools.get(url)
            if pool is None:
                pool = _SocketPool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
                self.pools[url] = pool
        return pool
