"""Every loop ends although Python 3.11's wait_for may swallow a cancellation."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.domain.insight.container_ends import ContainerEnds
from rtmanager.workers.events import DockerEventWatcher
from rtmanager.workers.jobs import JobConsumer
from rtmanager.workers.periodic import PeriodicWorker
from rtmanager.workers.relay import OutboxRelay
from rtmanager.workers.worker import Worker


@dataclass
class Deaf:
    """Stands for all that a worker may wait for; it swallows a cancellation and then continues."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    ends: ContainerEnds = field(default_factory=ContainerEnds)

    async def cycle(self) -> str:
        """Wait as a driver that swallows the cancellation does."""
        self.reached.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return ""

    async def run(self, *_: object) -> int:
        """Relay nothing."""
        await self.cycle()
        return 0

    async def ready(self) -> None:
        """Become ready in the end."""
        await self.cycle()

    async def reclaim(self) -> None:
        """Reclaim nothing."""

    async def read(self, **_: object) -> list[Any]:
        """Read nothing."""
        return []

    @asynccontextmanager
    async def wakeups(self) -> AsyncIterator[AsyncIterator[None]]:
        """Never wake the relay."""
        yield _never()

    async def now(self) -> float:
        """Return Docker's time."""
        return 0.0

    @asynccontextmanager
    async def listen(self, **_: object) -> AsyncIterator[AsyncIterator[None]]:
        """Yield no event."""
        yield _never()


async def _never() -> AsyncIterator[None]:
    while True:
        await asyncio.Event().wait()
        yield


def _periodic(deaf: Any, clock: ManualClock) -> Worker:
    return PeriodicWorker("cycle", deaf.cycle, 1.0, clock)


def _relay(deaf: Any, clock: ManualClock) -> Worker:
    return OutboxRelay(deaf, deaf, clock)


def _consumer(deaf: Any, clock: ManualClock) -> Worker:
    return JobConsumer(deaf, deaf, deaf.ready, clock, games_at_once=1)


def _watcher(deaf: Any, clock: ManualClock) -> Worker:
    return DockerEventWatcher(deaf, deaf, deaf.cycle, clock)


@pytest.mark.parametrize("build", [_periodic, _relay, _consumer, _watcher])
async def test_loop_is_left_though_the_cancellation_was_swallowed(
    build: Callable[[Deaf, ManualClock], Worker],
) -> None:
    """One cancellation ends the loop, even if it was swallowed."""
    deaf = Deaf()
    task = asyncio.create_task(build(deaf, ManualClock()).run())
    await deaf.reached.wait()

    task.cancel()
    ended, _ = await asyncio.wait({task}, timeout=5)

    assert ended == {task}
    assert task.cancelled()
