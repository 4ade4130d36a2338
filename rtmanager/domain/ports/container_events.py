"""What Docker tells of our containers, as it happens."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import DockerUnavailable


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something happened to a container of ours; a hint to look, never a fact to write down.

    `action` is Docker's word (start, die, oom, destroy, ...), `at` the engine's own time in seconds
    since the epoch, from which a new stream may be resumed.
    """

    game_id: str
    container_id: ContainerId
    action: str
    at: float


class StreamSilent(DockerUnavailable):
    """no event came for the staleness limit: the engine is quiet, or the stream hangs."""


class ContainerEvents(Protocol):
    """The event stream of the engine, filtered to containers that carry our labels."""

    def listen(
        self, *, since: float | None
    ) -> AbstractAsyncContextManager[AsyncIterator[ContainerEvent]]:
        """Follow events from `since` (engine time) on; None means from now on.

        The block is entered once the engine has accepted the subscription: what happens from then
        on is seen. Iterating raises DockerUnavailable when the stream ends or its connection is
        lost, and StreamSilent when nothing at all came for the adapter's staleness limit: a stream
        may hang while it looks connected. Docker keeps few past events, so after a gap everything
        is to be listed again.
        """

    async def now(self) -> float:
        """Return the engine's own time in seconds since the epoch; raises DockerUnavailable."""
