"""The container events port on a real Docker."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Lock, Thread
from typing import Any, Self

from docker.errors import APIError

from rtmanager.adapters.docker import docker_json
from rtmanager.adapters.docker.client import DockerClient
from rtmanager.domain.container import KIND, KIND_LABEL, OWNER, OWNER_LABEL
from rtmanager.domain.ports.container_events import ACTIONS, ContainerEvent, StreamSilent
from rtmanager.domain.ports.container_host import DockerUnavailable, HostSilent

_WANTED = json.dumps(
    {
        "type": ["container"],
        "event": sorted(ACTIONS),
        "label": [f"{OWNER_LABEL}={OWNER}", f"{KIND_LABEL}={KIND}"],
    }
)
_MICROSECOND = 1e-6


class DockerContainerEvents:
    """Events of containers with our labels, on any network; they are only hints.

    Docker filters them, and sends none of the others.

    A stream on which nothing arrived for `staleness` seconds counts as dead, even on an idle host.
    """

    def __init__(self, client: DockerClient, *, staleness: float = 60.0) -> None:
        self._client = client
        self._staleness = staleness

    async def now(self) -> float:
        """Return Docker's own time."""
        answer = await self._client.call(lambda api: api.info())
        moment = docker_json.parse_time(answer["SystemTime"])
        if moment is None:
            raise DockerUnavailable("the Docker daemon did not report its time")
        return moment.timestamp()

    @asynccontextmanager
    async def listen(self, *, since: float | None) -> AsyncIterator[AsyncIterator[ContainerEvent]]:
        """Follow events, past ones included, for the block."""
        # Docker answers before it has subscribed us; with `since` it sends what we would miss.
        start = await self.now() if since is None else since
        stream = _EventStream(self._client, start, self._staleness)
        try:
            await stream.open()
            yield stream
        finally:
            stream.close()


class _EventStream:
    """One subscription, read by its own thread, which ends when the stream is closed.

    Events are queued in order; the last item is the error that ended the stream.
    """

    def __init__(self, client: DockerClient, since: float, staleness: float) -> None:
        self._client = client
        self._since = since
        self._staleness = staleness
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[ContainerEvent | Exception | None] = asyncio.Queue()
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._is_closed = False

    async def open(self) -> None:
        """Subscribe; return once Docker has accepted, which the thread signals with None."""
        Thread(target=self._run, name="docker-events", daemon=True).start()
        try:
            async with asyncio.timeout(self._client.timeout):
                first = await self._arrived.get()
        except TimeoutError as error:
            raise DockerUnavailable(
                f"the Docker daemon accepted no subscription within {self._client.timeout:g} s"
            ) from error
        if isinstance(first, Exception):
            raise first

    def close(self) -> None:
        """Close the connection, which also ends the thread."""
        with self._lock:
            self._is_closed = True
            if self._socket is not None:
                with suppress(OSError):  # Docker may have closed it already
                    self._socket.shutdown(socket.SHUT_RDWR)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ContainerEvent:
        item = await self._arrived.get()
        if isinstance(item, ContainerEvent):
            return item
        self._arrived.put_nowait(item)  # every later read ends the same way
        raise item or DockerUnavailable

    def _run(self) -> None:
        try:
            self._client.run(self._follow, refused=_refused)
            self._hand_over(DockerUnavailable("the Docker daemon closed its event stream"))
        except HostSilent as error:
            self._hand_over(self._silence(error))
        except Exception as error:  # noqa: BLE001 - raised to the reader of the stream
            self._hand_over(error)

    def _follow(self, api: Any) -> None:
        with self._subscribe(api) as response:
            api._raise_for_status(response)  # noqa: SLF001 - as the SDK reads an error answer
            if self._keeps(response.raw.connection):
                self._hand_over(None)
                for line in filter(None, response.iter_lines()):
                    self._take(line)

    def _subscribe(self, api: Any) -> Any:
        """Request the events.

        The SDK's method sets no timeout, and takes a lost connection for the end of the stream.
        """
        # A float is too coarse for Docker's nanoseconds: rather get an event twice than miss one.
        since = f"{self._since - _MICROSECOND:.6f}"
        url = f"{api.base_url}/v{api.api_version}/events"
        query = {"since": since, "filters": _WANTED}
        return api.get(url, params=query, stream=True, timeout=api.timeout)

    def _keeps(self, connection: Any) -> bool:
        """Keep the socket for `close`, with the timeout of a silent stream; False when closed."""
        if connection is None or connection.sock is None:
            raise DockerUnavailable("the Docker daemon answered without an event stream")
        with self._lock:
            if not self._is_closed:
                connection.sock.settimeout(self._staleness)
                self._socket = connection.sock
            return not self._is_closed

    def _take(self, line: bytes) -> None:
        event = docker_json.event(line)
        if event is not None:
            self._hand_over(event)

    def _hand_over(self, item: ContainerEvent | Exception | None) -> None:
        """Pass an item to the event loop, which may have ended once the stream is closed."""
        with self._lock:
            if not self._is_closed:
                self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)

    def _silence(self, error: HostSilent) -> DockerUnavailable:
        if self._socket is None:
            return error
        return StreamSilent(f"no event arrived from Docker for {self._staleness:g} s")


def _refused(error: APIError) -> DockerUnavailable:
    return DockerUnavailable(f"the Docker daemon sends no events: {error.explanation or error}")
