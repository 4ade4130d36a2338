"""The events of a Docker that lives in memory, with all that can go wrong on their way."""

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
"""The seconds after which an event arrives, once for each: none drops it, two double it."""


def at_once(_event: ContainerEvent) -> Sequence[float]:
    """Let every event arrive once, without delay."""
    return (0.0,)


@dataclass(eq=False, kw_only=True)
class InMemoryContainerEvents:
    """One manager's connections to the events of an InMemoryDocker.

    `delays` drops, doubles, delays and, where they differ, reorders events. `cut` and `silence`
    affect the streams that are open.
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
        """Follow events, those that Docker still has from the past included, for the block."""
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
        """Let nothing more arrive on any open stream, which seems connected all the same."""
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
        """Look again when something is due."""
        self._woken.set()

    def end(self) -> None:
        """Lose the connection and what is still under way."""
        self._is_cut = True
        self._woken.set()

    def silence(self) -> None:
        """Let nothing arrive any more."""
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
            raise DockerUnavailable("the stream of events was cut")
        if self.docker.clock.monotonic() >= self._stale_at:
            raise StreamSilent(f"no event came for {self.owner.staleness:g} s")

    @property
    def _stale_at(self) -> float:
        return self._heard_at + self.owner.staleness

    async def _wait(self) -> None:
        """Wait for an arrival, for what is due to happen in Docker, or until patience ends."""
        now = self.docker.clock.monotonic()
        due = self.docker.next_due
        moments = [self._stale_at, *(moment for moment, _, _ in self._under_way[:1])]
        if due is not None:
            moments.append(due)
        self._woken.clear()
        await _first_of(self._woken.wait(), self.docker.clock.sleep(min(moments) - now))


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait for the first of these and give the others up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
