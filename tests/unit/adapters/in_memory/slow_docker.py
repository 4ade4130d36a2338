"""A clock that can step, containers of ours and pending calls, for tests of the double."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour, MemoryContainer
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.container import KIND, KIND_LABEL, OWNER, OWNER_LABEL

OURS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}


class SteppingClock(ManualClock):
    """A clock whose wall time steps on request."""

    def __init__(self) -> None:
        super().__init__(auto=False)
        self.jump = timedelta()

    def now(self) -> datetime:
        """Return the wall time, including steps."""
        return super().now() + self.jump


def add(docker: InMemoryDocker, name: str = "a", **more: bool | ImageBehaviour) -> MemoryContainer:
    """Create a container with our labels."""
    return docker.add_foreign(name, labels=OURS, **more)  # type: ignore[arg-type]


async def under_way(call: Awaitable[object]) -> "asyncio.Future[object]":
    """Begin a call and let it run until it waits."""
    task = asyncio.ensure_future(call)
    await catch_up()
    return task


async def catch_up() -> None:
    """Let all tasks run until they wait."""
    for _ in range(9):
        await asyncio.sleep(0)
