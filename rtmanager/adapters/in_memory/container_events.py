"""The events of an in-memory Docker, with everything that can go wrong on their way."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.ports.container_events import ContainerEvent, StreamSilent
from rtmanager.domain.ports.container_host import DockerUnavailable

Delays = Callable[[ContainerEvent], Sequence[float]]
"""The delays after which an event arrives, once per delay: none drops it, two duplicate it."""


def at_once(_event: ContainerEvent) -> Sequence[float]:
    """Deliver every event once, without delay."""
    return (0.0,)


@dataclass(eq=False, kw_only=True)
class InMemoryContainerEvents:
    """One manager's subscriptions to the events of an InMemoryDocker.

    `delays` drops, duplicates, delays and (where the delays differ) reorders events. `cut` and
    `silence` affect the open streams.
    """

    docker: InMemoryDocker
    staleness: float = 60.0
    delays: Delays = at_once
    _streams: "list[_Stream]" = field(default_factory=list, init=False)

    async def now(self) -> float:
        """Return Docker's time."""
        if not self.docker.reachable:
            raise DockerUnavailable
        return self.docker.clock.now().timestamp()

    @asynccontextmanager
    async def listen(self, *, since: float | None) -> AsyncIterator[AsyncIterator[ContainerEvent]]:
        """Follow events, including past ones that Docker still has, for the block."""
        if not self.docker.reachable:
            raise DockerUnavailable
        stream = self._subscribe(since)
        try:
            yield stream
        finally:
            self._streams.remove(stream)
            self.docker.listeners.remove(stream.offer)
            self.docker.wakers.remove(stream.wake)

    def cut(self) -> None:
        """End every open stream."""
        for stream in self._streams:
            stream.end()

    def silence(self) -> None:
        """Deliver nothing more on the open streams, which still look connected."""
        for stream in self._streams:
            stream.silence()

    def _subscribe(self, since: float | None) -> "_Stream":
        self.docker.catch_up()
        stream = _Stream(docker=self.docker, owner=self)
        for event in self.docker.past_events:
            if since is not None and event.at >= since:
                stream.offer(event)
        self._streams.append(stream)
        self.docker.listeners.append(stream.offer)
        self.docker.wakers.append(stream.wake)
        return stream


@dataclass(eq=False, kw_only=True)
class _Stream:
    """One subscription: events on their way, in the order of their arrival."""

    docker: InMemoryDocker
    owner: InMemoryContainerEvents
    _under_way: list[tuple[float, int, ContainerEvent]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _is_cut: bool = False
    _is_silent: bool = False

    def __post_init__(self) -> None:
        self._heard_at = self.docker.clock.monotonic()

    def offer(self, event: ContainerEvent) -> None:
        """Send an event on its way."""
        if not self._is_silent:
            now = self.docker.clock.monotonic()
            for delay in self.owner.delays(event):
                heapq.heappush(self._under_way, (now + delay, next(self._numbers), event))
        self._woken.set()

    def wake(self) -> None:
        """Check again when something is due."""
        self._woken.set()

    def end(self) -> None:
        """Lose the connection and the events still on their way."""
        self._is_cut = True
        self._woken.set()

    def silence(self) -> None:
        """Deliver nothing any more."""
        self._is_silent = True
        self._under_way.clear()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ContainerEvent:
        while (event := self._arrived()) is None:
            self._demand_life()
            await self._wait()
        return event

    def _arrived(self) -> ContainerEvent | None:
        self.docker.catch_up()
        if not self._under_way or self._under_way[0][0] > self.docker.clock.monotonic():
            return None
        self._heard_at, _, event = heapq.heappop(self._under_way)
        return event

    def _demand_life(self) -> None:
        if self._is_cut or not self.docker.reachable:
            raise DockerUnavailable("the event stream was cut")
        if self.docker.clock.monotonic() >= self._stale_at:
            raise StreamSilent(f"no event came for {self.owner.staleness:g} s")

    @property
    def _stale_at(self) -> float:
        return self._heard_at + self.owner.staleness

    async def _wait(self) -> None:
        """Wait for an arrival, for what is due in Docker, or until the stream is stale."""
        now = self.docker.clock.monotonic()
        due = self.docker.next_due
        moments = [self._stale_at, *(moment for moment, _, _ in self._under_way[:1])]
        if due is not None:
            moments.append(due)
        self._woken.clear()
        await _first_of(self._woken.wait(), self.docker.clock.sleep(min(moments) - now))


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait for the first of these and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
