import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self, cast

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.container_events import InMemoryContainerEvents
from rtmanager.domain.ports.container_events import ContainerEvent, ContainerEvents, StreamSilent
from rtmanager.domain.reconciliation.record_docker_event import RecordDockerEvent
from rtmanager.domain.runtime import RuntimeStatus
from rtmanager.workers.events import LOOK_BACK, MAX_PAUSE, DockerEventWatcher
from tests.unit.domain.watch import Watch
from tests.unit.domain.world import World
from tests.unit.workers.turns import running, turns, until


class House:
    """A game that runs, and a watcher of its engine's events."""

    def __init__(self) -> None:
        self.world = World(clock=ManualClock(auto=False))
        self.watch = Watch(self.world)
        self.events = InMemoryContainerEvents(docker=self.world.docker)
        self.caught_up = 0
        self.watcher = DockerEventWatcher(
            events=self.events,
            record=self.watch.record_event,
            catch_up=self._catch_up,
            clock=self.world.clock,
        )

    async def _catch_up(self) -> str:
        self.caught_up += 1
        return (await self.watch.reconcile.run()).sentence

    @property
    def status(self) -> RuntimeStatus | None:
        """The game's status in its record."""
        return self.world.record.status if self.world.record else None

    async def listens(self) -> None:
        """Wait until the watcher listens and has caught up."""
        await until(lambda: bool(self.world.docker.listeners) and self.caught_up > 0)
        await turns(50)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds * 4) + 1):
            self.world.clock.advance(0.25)
            await turns(20)


@pytest.fixture
async def house() -> House:
    """Return a house whose game runs."""
    made = House()
    await made.world.manager.start()
    return made


async def test_exit_is_recorded_without_waiting_for_anything(house: House) -> None:
    """The event alone makes the game be looked at; no time passes."""
    async with running(house.watcher.run()):
        await house.listens()
        house.world.docker.crash(house.world.engine.id)
        await until(lambda: house.status is RuntimeStatus.STOPPED)

    assert house.watch.told == ["container_exited"]


async def test_trap_list_subscribe_gap(house: House) -> None:
    """What happened before the subscription, or between two, is found by catching up."""
    house.world.docker.crash(house.world.engine.id)
    async with running(house.watcher.run()):
        await until(lambda: house.status is RuntimeStatus.STOPPED)

    assert house.caught_up == 1


async def test_what_happened_a_moment_ago_is_seen_although_the_list_lags(house: House) -> None:
    """The first connection asks for the last few seconds too, which the list may not show yet."""

    async def overlook() -> str:
        return ""

    house.watcher.catch_up = overlook
    house.world.docker.crash(house.world.engine.id)
    house.world.clock.advance(1.0)
    async with running(house.watcher.run()):
        await until(lambda: house.status is RuntimeStatus.STOPPED)


async def test_events_lost_while_disconnected_are_caught_up_with(house: House) -> None:
    """A new connection comes after a pause, and everything is compared again."""
    async with running(house.watcher.run()):
        await house.listens()
        house.events.cut()
        await until(lambda: not house.world.docker.listeners)
        house.world.docker.vanish(house.world.engine.id)
        await house.pass_time(MAX_PAUSE)
        await until(lambda: house.status is RuntimeStatus.REMOVED)

    assert house.watch.told == ["container_disappeared"]


async def test_trap_event_stream_silent(house: House) -> None:
    """A stream that hangs while it seems connected is given up for a new one."""
    async with running(house.watcher.run()):
        await house.listens()
        house.events.silence()
        house.world.docker.crash(house.world.engine.id)
        await turns(100)
        assert house.status is RuntimeStatus.RUNNING
        await house.pass_time(house.events.staleness + 1)
        await until(lambda: house.status is RuntimeStatus.STOPPED)


async def test_trap_stream_eof_is_not_a_crash(house: House) -> None:
    """However often the connection is lost, an engine that runs stays recorded as running."""
    async with running(house.watcher.run()):
        for _ in range(5):
            await house.listens()
            house.events.cut()
            await house.pass_time(MAX_PAUSE)

    assert house.status is RuntimeStatus.RUNNING
    assert house.watch.told == []
    assert house.caught_up >= 5


async def test_docker_that_is_away_is_asked_with_longer_and_longer_pauses(house: House) -> None:
    """An outage is no reason to storm the engine when it comes back."""
    house.world.docker.reachable = False
    async with running(house.watcher.run()):
        await house.pass_time(60)
        assert 5 <= house.watcher.status.failures <= 10
        house.world.docker.reachable = True
        await house.pass_time(MAX_PAUSE)
        await house.listens()

    assert house.status is RuntimeStatus.RUNNING


async def test_storm_of_events_of_one_game_is_one_look_at_a_time(house: House) -> None:
    """Hints of a game that waits to be looked at are not queued up."""
    async with running(house.watcher.run()):
        await house.listens()
        hold = house.world.process().leases.hold("g1", wait=0)  # type: ignore[arg-type]
        async with hold:
            house.world.docker.crash(house.world.engine.id)
            for _ in range(100):
                house.world.docker.run(house.world.engine)
                house.world.docker.crash(house.world.engine.id)
            await turns(300)
        calls = house.world.manager.calls
        before = calls.count("host.containers_of")
        await house.pass_time(10)
        await until(lambda: house.status is RuntimeStatus.STOPPED)

    assert calls.count("host.containers_of") - before <= 20


async def test_doubled_and_late_events_change_nothing(house: House) -> None:
    """An event is a hint to look: told twice or late it finds nothing to do."""
    house.events.delays = lambda _: (0.0, 1.0, 5.0)
    async with running(house.watcher.run()):
        await house.listens()
        house.world.docker.crash(house.world.engine.id)
        await until(lambda: house.status is RuntimeStatus.STOPPED)
        await asyncio.sleep(0)
        await house.pass_time(10)

    assert house.watch.told == ["container_exited"]


async def test_new_connection_goes_on_where_the_last_one_was(house: House) -> None:
    """From the last event on, however long ago: not from now, and not from the beginning."""
    asked: list[float | None] = []
    listen = house.events.listen

    def noted(*, since: float | None) -> AbstractAsyncContextManager[AsyncIterator[ContainerEvent]]:
        asked.append(since)
        return listen(since=since)

    house.events.listen = noted  # type: ignore[method-assign,assignment]
    began = house.world.clock.now().timestamp()
    async with running(house.watcher.run()):
        await house.listens()
        await house.pass_time(30)
        house.world.docker.crash(house.world.engine.id)
        await until(lambda: house.status is RuntimeStatus.STOPPED)
        exited = house.world.clock.now().timestamp()
        house.world.docker.reachable = False
        await house.pass_time(10 * LOOK_BACK)
        house.world.docker.reachable = True
        await house.pass_time(MAX_PAUSE)

    assert asked[0] == began - LOOK_BACK
    assert set(asked[1:]) == {exited}


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
