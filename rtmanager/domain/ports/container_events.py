"""Docker's events about our containers."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import DockerUnavailable

HINTS = frozenset({"start", "die", "oom", "destroy"})
"""Docker's words for what can make a record wrong."""
ACTIONS = HINTS | {"kill"}
"""The events that are followed; a `kill` is a signal, and shows who ended an engine.

An engine causes any number of other events, and may make each of them long: health checks.
"""


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """An event of one of our containers: a hint to observe the game, never a fact to record.

    `action` is one of ACTIONS, `at` is Docker's own time in seconds since the epoch, from which a
    new stream may be resumed. A `kill` has a `signal`, a `die` an `exit_code`.
    """

    game_id: str
    container_id: ContainerId
    action: str
    at: float
    signal: str | None = None
    exit_code: int | None = None


class StreamSilent(DockerUnavailable):
    """no event arrived within the staleness limit: the host is idle, or the stream hangs."""


class ContainerEvents(Protocol):
    """Docker's event stream, filtered to ACTIONS of containers that carry our labels.

    A Swarm reports no signals and no lack of memory, and an end without its exit code when nobody
    has looked in time.
    """

    def listen(
        self, *, since: float | None
    ) -> AbstractAsyncContextManager[AsyncIterator[ContainerEvent]]:
        """Follow events from `since` (Docker's time); None means from now.

        The block is entered once Docker has accepted the subscription: every later event is
        delivered. Iterating raises DockerUnavailable when the stream ends or its connection is
        lost, and StreamSilent when nothing arrived for the adapter's staleness limit: a stream may
        hang while it looks connected. Docker keeps few past events, so list the containers again
        after a gap.
        """

    async def now(self) -> float:
        """Return Docker's own time in seconds since the epoch; raises DockerUnavailable."""
