"""The only access to the Docker SDK: threads in bulkheads, and a deadline for every call."""

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from rtmanager.adapters.docker import errors
from rtmanager.adapters.docker.connection import connect
from rtmanager.adapters.threads import NoFreeThread, Threads
from rtmanager.domain.ports.container_host import DockerUnavailable, HostSilent, ImagePullFailed

T = TypeVar("T")
Work = Callable[[Any], T]
"""Work with the SDK's APIClient; Any, since half of its methods have no types."""


class Bulkhead(Enum):
    """A kind of call with its own threads, so that no kind waits behind another.

    The value is their number. A stop may last as long as an engine's grace period, so stops get as
    many threads as games may ever stop at the same time; threads are created on demand.
    There are many for pulls, because `ImagePulls` lets each registry use only a few of them.
    """

    READ = 8
    CHANGE = 16
    START = 32
    STOP = 128
    PULL = 120
    SIZE = 2


class DockerClient:
    """Calls the Docker SDK in threads, each call with a deadline, and translates its errors.

    It connects at the first call, so that the service starts while Docker is down. The API version
    is negotiated once, and again when Docker was replaced.
    """

    def __init__(
        self,
        host: str,
        *,
        certificates: Path | None = None,
        timeout: float = 10.0,
        pull_stall: float = 60.0,
        pull_timeout: float = 1800.0,
    ) -> None:
        self.host = host
        self._certificates = certificates
        self.timeout = timeout
        self.pull_stall = min(pull_stall, pull_timeout)
        self.pull_timeout = pull_timeout
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
        """Do the work in a thread of the bulkhead within `deadline` seconds, queueing included.

        Raises DockerUnavailable when that has passed; work that has not begun by then never begins.
        """
        seconds = self.timeout if deadline is None else deadline
        try:
            async with asyncio.timeout(seconds):
                return await self._in_thread(bulkhead, work, refused, time.monotonic() + seconds)
        except TimeoutError as error:
            raise HostSilent(
                f"the Docker daemon at {self.host} did not answer within {seconds:g} s"
            ) from error

    def run(self, work: Work[T], *, refused: errors.Refusal = errors.refused) -> T:
        """Do the work in the calling thread, without a deadline, as a stream needs.

        Raises DockerUnavailable when the connection is lost or its socket times out.
        """
        return self._do(work, refused, None)

    async def pull(self, work: Work[T]) -> T:
        """Do the work of a pull, which must not stall for `pull_stall` seconds.

        The limit is the socket's timeout, so it needs no watchdog and ends the thread too. The wait
        for a free thread has the same limit. Raises ImagePullFailed when either is exceeded.
        """
        try:
            return await self._threads[Bulkhead.PULL].run(
                lambda: self._do(work, errors.pull_refused, None), limit=self.pull_stall
            )
        except NoFreeThread as error:
            raise ImagePullFailed(
                f"too many pulls are under way: no thread was free for {self.pull_stall:g} s"
            ) from error
        except HostSilent as error:
            raise ImagePullFailed(
                f"the pull made no progress for {self.pull_stall:g} s and was given up"
            ) from error

    async def aclose(self) -> None:
        """Close the connections and end the threads, without waiting for running calls."""
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
                # The caller has given up and may already have read the state: change nothing.
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
        timeout = self.timeout if until is None else max(0.0, until - time.monotonic())
        if not self._connecting.acquire(timeout=timeout):
            raise DockerUnavailable
        try:
            if self._api is None:
                self._api = self._connect()
            return self._api
        finally:
            self._connecting.release()

    def _connect(self) -> Any:
        return connect(
            self.host,
            certificates=self._certificates,
            timeout=self.timeout,
            pull_stall=self.pull_stall,
            connections=sum(each.value for each in Bulkhead),
        )
