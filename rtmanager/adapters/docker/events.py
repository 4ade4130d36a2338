"""The container events port on a real Docker."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from docker.errors import APIError

from rtmanager.adapters.docker import docker_json
from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.thread_stream import ThreadStream
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


class _EventStream(ThreadStream[ContainerEvent]):
    """One subscription, which only an error ends."""

    name = "docker-events"
    not_begun = "accepted no subscription"

    def __init__(self, client: DockerClient, since: float, staleness: float) -> None:
        super().__init__(client)
        self._since = since
        self._staleness = staleness

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ContainerEvent:
        event = await self._next()
        if event is None:
            raise DockerUnavailable
        return event

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
            connection = response.raw.connection
            if connection is None or connection.sock is None:
                raise DockerUnavailable("the Docker daemon answered without an event stream")
            if self._keep(connection, silence=self._staleness):
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

    def _take(self, line: bytes) -> None:
        event = docker_json.event(line)
        if event is not None:
            self._hand_over(event)

    def _silence(self, error: HostSilent) -> DockerUnavailable:
        if self._socket is None:
            return error
        return StreamSilent(f"no event arrived from Docker for {self._staleness:g} s")


def _refused(error: APIError) -> DockerUnavailable:
    return DockerUnavailable(f"the Docker daemon sends no events: {error.explanation or error}")
