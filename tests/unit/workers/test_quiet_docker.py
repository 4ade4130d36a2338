from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self, cast

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.domain.ports.container_events import ContainerEvent, ContainerEvents, StreamSilent
from rtmanager.domain.reconciliation.record_docker_event import RecordDockerEvent
from rtmanager.workers.docker_event_watcher import DockerEventWatcher


class EnoughError(BaseException):
    """Ends a watcher that would go on for ever."""


class _Nothing:
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ContainerEvent:
        raise StreamSilent


@dataclass
class QuietEvents:
    """A stream on which nothing ever happens."""

    patience: int
    listened: list[float | None] = field(default_factory=list)

    async def now(self) -> float:
        """Tell the engine's time."""
        return 0.0

    @asynccontextmanager
    async def listen(self, *, since: float | None) -> AsyncIterator[AsyncIterator[ContainerEvent]]:
        """Accept the listener and let it wait in vain."""
        self.listened.append(since)
        if len(self.listened) > self.patience:
            raise EnoughError
        yield _Nothing()


async def test_quiet_host_is_no_failure() -> None:
    """A stream on which nothing happened is opened again at once, and nobody is alarmed."""
    clock, events, caught_up = ManualClock(), QuietEvents(patience=3), []

    async def catch_up() -> str:
        caught_up.append(clock.monotonic())
        return ""

    watcher = DockerEventWatcher(
        cast("ContainerEvents", events), cast("RecordDockerEvent", None), catch_up, clock
    )
    with pytest.raises(BaseExceptionGroup):
        await watcher.run()

    assert len(caught_up) == 3
    assert watcher.status.failures == 0
    assert clock.monotonic() == 0
