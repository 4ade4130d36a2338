"""The one door to the Docker SDK: its threads, the deadline of every call, and the connection."""

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from threading import Lock
from typing import Any, TypeVar

import docker
from docker.errors import APIError, DockerException
from docker.transport.unixconn import UnixHTTPAdapter

from rtmanager.adapters.docker import errors
from rtmanager.adapters.docker.api_version import LOWEST, agree
from rtmanager.adapters.docker.unix_socket import UnixSocketAdapter
from rtmanager.adapters.threads import NoFreeThread, Threads
from rtmanager.domain.ports.container_host import DockerUnavailable, ImagePullFailed

T = TypeVar("T")
Work = Callable[[Any], T]
"""What to do with the SDK's APIClient; Any, since half of its methods carry no types."""


class Bulkhead(Enum):
    """Threads of their own for each kind of call, so that none waits behind another kind.

    The value is their number. A stop may last as long as an engine's grace period, so there are as
    many as games may ever stop at once; idle ones are never created.
    """

    READ = 8
    CHANGE = 16
    START = 32
    STOP = 128
    PULL = 12


class DockerClient:
    """Calls the Docker SDK in threads, each call with a deadline, errors in the domain's words.

    Nothing is connected before the first call, so that a service boots with Docker down. The
    API version is agreed on once, and again when Docker was replaced.
    """

    def __init__(self, host: str, *, timeout: float = 10.0, pull_stall: float = 60.0) -> None:
        self.host = host
        self.timeout = timeout
        self.pull_stall = pull_stall
        self._api: Any = None
        self._connecting = Lock()
        self._threads = {
            each: Threads(f"docker-{each.name.lower()}", each.value) for each in Bulkhead
        }

    async def call(
        self,
        work: Work[T],
        *,
        bulkhead: Bulkhead = Bulkhead.READ,
        refused: errors.Refusal = errors.refused,
        deadline: float | None = None,
    ) -> T:
        """Do the work in a thread of the bulkhead within `deadline` seconds, the queue included.

        Raises DockerUnavailable when that passes; what has not begun then never begins.
        """
        seconds = self.timeout if deadline is None else deadline
        try:
            async with asyncio.timeout(seconds):
                return await self._in_thread(bulkhead, work, refused, time.monotonic() + seconds)
        except TimeoutError as error:
            raise DockerUnavailable(
                f"the Docker engine at {self.host} did not answer within {seconds:g} s"
            ) from error

    def run(self, work: Work[T], *, refused: errors.Refusal = errors.refused) -> T:
        """Do the work in the calling thread, without a deadline: a stream brings its own of both.

        Raises DockerUnavailable when the connection is lost, or silent for longer than its socket
        may be.
        """
        return self._do(work, refused, None)

    async def pull(self, work: Work[T]) -> T:
        """Do the work of a pull: it may last as long as something arrives within the stall limit.

        The limit is that of the socket, so it needs no watchdog and ends the thread too; a free
        thread is waited for as long. Raises ImagePullFailed when either passes.
        """
        try:
            return await self._threads[Bulkhead.PULL].run(
                lambda: self._do(work, errors.pull_refused, None), patience=self.pull_stall
            )
        except NoFreeThread as error:
            raise ImagePullFailed(
                f"too many pulls are under way: no thread was free for {self.pull_stall:g} s"
            ) from error
        except errors.HostSilent as error:
            raise ImagePullFailed(
                f"the pull made no progress for {self.pull_stall:g} s and was given up"
            ) from error

    async def aclose(self) -> None:
        """Close the connections and let the threads end; calls under way are not waited for."""
        for threads in self._threads.values():
            threads.close()
        if self._api is not None:
            self._api.close()

    async def _in_thread(
        self, bulkhead: Bulkhead, work: Work[T], refused: errors.Refusal, until: float
    ) -> T:
        return await self._threads[bulkhead].run(lambda: self._do(work, refused, until))

    def _do(self, work: Work[T], refused: errors.Refusal, until: float | None) -> T:
        try:
            api = self._connected(until)
            if until is not None and time.monotonic() > until:
                # Nobody waits any more, and whoever did has looked at what happened: do nothing.
                raise DockerUnavailable
            return work(api)
        except errors.SDK_ERRORS as error:
            translated = errors.translate(error, self.host, refused)
            if isinstance(translated, errors.ApiVersionRefused):
                self._api = None
            raise translated from error

    def _connected(self, until: float | None) -> Any:
        api = self._api
        if api is not None:
            return api
        patience = self.timeout if until is None else max(0.0, until - time.monotonic())
        if not self._connecting.acquire(timeout=patience):
            raise DockerUnavailable
        try:
            if self._api is None:
                self._api = self._connect()
            return self._api
        finally:
            self._connecting.release()

    def _connect(self) -> Any:
        asking = self._build(LOWEST)
        try:
            version = agree(asking.version(api_version=False), self.host)
        except APIError as error:
            raise errors.no_docker(self.host) from error
        finally:
            asking.close()
        return self._build(version)

    def _build(self, version: str) -> Any:
        threads = sum(each.value for each in Bulkhead)
        try:
            api: Any = _Api(self.host, version, self.timeout, threads, self.pull_stall)
        except DockerException as error:
            raise DockerUnavailable(f"{self.host} is no Docker address: {error}") from error
        return api


class _Api(docker.APIClient):
    """The SDK's client, with a limit for what it would wait for without one."""

    def __init__(
        self, host: str, version: str, timeout: float, connections: int, stall: float
    ) -> None:
        seconds: Any = timeout  # the stubs say int, but it goes to the socket as it is
        super().__init__(base_url=host, version=version, timeout=seconds, max_pool_size=connections)
        self.trust_env = False  # a proxy for web traffic is none for Docker
        self._stall = stall
        given: Any = self.adapters.get("http+docker://")
        if isinstance(given, UnixHTTPAdapter):
            ours = UnixSocketAdapter(given.socket_path, timeout, connections)
            self.mount("http+docker://", ours)

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send a request; only a pull comes without a timeout, and the SDK leaves no choice."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._stall
        return super().send(request, **kwargs)

    def _raise_for_status(self, response: Any) -> None:
        """Raise APIError for an error answer, whatever its body; the SDK trips over some."""
        sdk: Any = super()  # the stubs lack the method
        try:
            sdk._raise_for_status(response)  # noqa: SLF001 - our own superclass
        except (KeyError, TypeError) as error:
            words = f"{response.status_code} {response.reason}"
            raise APIError(words, response=response, explanation=words) from error
