"""A manager's events of services: what was created, changed and removed."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.thread_stream import ThreadStream
from rtmanager.domain.ports.container_host import DockerUnavailable

_WANTED = json.dumps({"type": ["service"], "event": ["create", "update", "remove"]})
_SILENCE = 600.0
"""Seconds without an event after which a connection is made anew: nothing may happen for long."""
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """What has happened to a service, by the manager's time in seconds since the epoch."""

    service: str
    action: str
    at: float


class ServiceEvents(ThreadStream[ServiceEvent]):
    """One subscription, which only an error ends."""

    name = "swarm-events"
    not_begun = "accepted no subscription"

    def __init__(self, client: DockerClient, since: float) -> None:
        super().__init__(client)
        self._since = since

    async def within(self, seconds: float) -> ServiceEvent | None:
        """Return the next event; None when there is none for so long.

        Raises DockerUnavailable once the subscription has ended.
        """
        try:
            async with asyncio.timeout(seconds):
                event = await self._next()
        except TimeoutError:
            return None
        if event is None:
            raise DockerUnavailable
        return event

    def _run(self) -> None:
        try:
            self._client.run(self._follow)
            self._hand_over(DockerUnavailable("the Swarm manager closed its event stream"))
        except Exception as error:  # noqa: BLE001 - raised to the reader of the stream
            self._hand_over(error)

    def _follow(self, api: Any) -> None:
        url = f"{api.base_url}/v{api.api_version}/events"
        query = {"since": f"{self._since:.6f}", "filters": _WANTED}
        with api.get(url, params=query, stream=True, timeout=api.timeout) as response:
            api._raise_for_status(response)  # noqa: SLF001 - as the SDK reads an error answer
            if self._keep(response.raw.connection, silence=_SILENCE):
                self._hand_over(None)
                for line in filter(None, response.iter_lines()):
                    self._hand_over(_event(line))


def _event(line: bytes) -> ServiceEvent:
    """Read a line. Raises DockerUnavailable for one that was cut off."""
    try:
        entry = json.loads(line)
        return ServiceEvent(entry["Actor"]["ID"], entry["Action"], entry["timeNano"] / _NANO)
    except (ValueError, KeyError, TypeError) as error:
        raise DockerUnavailable("the Swarm manager's event stream is malformed") from error
