import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self, cast

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.container_events import InMemoryContainerEvents
from rtmanager.domain.insight.container_ends import ContainerEnds
from rtmanager.domain.insight.engine_exit import Missed, exit_of
from rtmanager.domain.operations.last_observations import LastObservations
from rtmanager.domain.ports.container_events import ContainerEvent, ContainerEvents, StreamSilent
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame
from rtmanager.domain.reconciliation.record_docker_event import RecordDockerEvent
from rtmanager.domain.runtime import RuntimeStatus
from rtmanager.workers.events import LOOK_BACK, MAX_PAUSE, DockerEventWatcher
from tests.unit.domain.watch import Watch
from tests.unit.domain.world import World
from tests.unit.workers.turns import running, turns, until


class WatchedGame:
    """A running game and a watcher of its events."""

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
async def watched() -> WatchedGame:
    """Return a game that runs, and its watcher."""
    made = WatchedGame()
    await made.world.manager.start()
    return made


async def test_exit_is_recorded_without_waiting_for_anything(watched: WatchedGame) -> None:
    """The event alone triggers the reconciliation, without time passing."""
    async with running(watched.watcher.run()):
        await watched.listens()
        watched.world.docker.crash(watched.world.engine.id)
        await until(lambda: watched.status is RuntimeStatus.STOPPED)

    assert watched.watch.reported == ["container_exited"]


async def test_trap_list_subscribe_gap(watched: WatchedGame) -> None:
    """What happened before or between subscriptions is found by a reconciliation."""
    watched.world.docker.crash(watched.world.engine.id)
    async with running(watched.watcher.run()):
        await until(lambda: watched.status is RuntimeStatus.STOPPED)

    assert watched.caught_up == 1


async def test_what_happened_a_moment_ago_is_seen_although_the_list_lags(
    watched: WatchedGame,
) -> None:
    """The first connection also requests the last few seconds, which the list may lack."""

    async def overlook() -> str:
        return ""

    watched.watcher.catch_up = overlook
    watched.world.docker.crash(watched.world.engine.id)
    watched.world.clock.advance(1.0)
    async with running(watched.watcher.run()):
        await until(lambda: watched.status is RuntimeStatus.STOPPED)


async def test_signal_from_before_the_connection_is_not_denied(watched: WatchedGame) -> None:
    """Docker's past events are read after the first look, which cannot say who ended the engine."""
    watched.world.clock.advance(60.0)
    watched.world.docker.kill(watched.world.engine.id)
    watched.world.clock.advance(1.0)
    async with running(watched.watcher.run()):
        await until(lambda: watched.status is RuntimeStatus.STOPPED)

    ended = exit_of(watched.world.last)
    assert ended is not None
    assert (ended.signals, ended.missed) == ((), Missed.NOT_FOLLOWED)


async def test_watcher_that_has_ended_knows_no_more(watched: WatchedGame) -> None:
    """Another replica follows the events; this one still answers requests."""
    async with running(watched.watcher.run()):
        await watched.listens()
    watched.world.clock.advance(60.0)
    watched.world.docker.kill(watched.world.engine.id)

    await watched.watch.reconcile.run()

    ended = exit_of(watched.world.last)
    assert ended is not None
    assert ended.missed is Missed.NOT_FOLLOWED


async def test_events_lost_while_disconnected_are_caught_up_with(watched: WatchedGame) -> None:
    """A new connection comes after a pause, and all games are compared again."""
    async with running(watched.watcher.run()):
        await watched.listens()
        watched.events.cut()
        await until(lambda: not watched.world.docker.listeners)
        watched.world.docker.vanish(watched.world.engine.id)
        await watched.pass_time(MAX_PAUSE)
        await until(lambda: watched.status is RuntimeStatus.REMOVED)

    assert watched.watch.reported == ["container_disappeared"]


async def test_trap_event_stream_silent(watched: WatchedGame) -> None:
    """A stream that hangs while it seems connected is replaced by a new one."""
    async with running(watched.watcher.run()):
        await watched.listens()
        watched.events.silence()
        watched.world.docker.crash(watched.world.engine.id)
        await turns(100)
        assert watched.status is RuntimeStatus.RUNNING
        await watched.pass_time(watched.events.staleness + 1)
        await until(lambda: watched.status is RuntimeStatus.STOPPED)


async def test_trap_stream_eof_is_not_a_crash(watched: WatchedGame) -> None:
    """A running engine stays recorded as running, however often the connection is lost."""
    async with running(watched.watcher.run()):
        for _ in range(5):
            await watched.listens()
            watched.events.cut()
            await watched.pass_time(MAX_PAUSE)

    assert watched.status is RuntimeStatus.RUNNING
    assert watched.watch.reported == []
    assert watched.caught_up >= 5


async def test_docker_that_is_away_is_asked_with_growing_pauses(
    watched: WatchedGame,
) -> None:
    """Reconnecting slows down, so that Docker is not flooded when it comes back."""
    watched.world.docker.reachable = False
    async with running(watched.watcher.run()):
        await watched.pass_time(60)
        assert 5 <= watched.watcher.status.failures <= 10
        watched.world.docker.reachable = True
        await watched.pass_time(MAX_PAUSE)
        await watched.listens()

    assert watched.status is RuntimeStatus.RUNNING


async def test_burst_of_events_is_one_observation_at_a_time(
    watched: WatchedGame,
) -> None:
    """Events of a game that is already due for observation are not queued."""
    async with running(watched.watcher.run()):
        await watched.listens()
        hold = watched.world.process().leases.hold("g1", wait=0)  # type: ignore[arg-type]
        async with hold:
            watched.world.docker.crash(watched.world.engine.id)
            for _ in range(100):
                watched.world.docker.run(watched.world.engine)
                watched.world.docker.crash(watched.world.engine.id)
            await turns(300)
        calls = watched.world.manager.calls
        before = calls.count("host.containers_of")
        await watched.pass_time(10)
        await until(lambda: watched.status is RuntimeStatus.STOPPED)

    assert calls.count("host.containers_of") - before <= 20


async def test_doubled_and_late_events_change_nothing(watched: WatchedGame) -> None:
    """An event only triggers an observation, so duplicate and late ones change nothing."""
    watched.events.delays = lambda _: (0.0, 1.0, 5.0)
    async with running(watched.watcher.run()):
        await watched.listens()
        watched.world.docker.crash(watched.world.engine.id)
        await until(lambda: watched.status is RuntimeStatus.STOPPED)
        await asyncio.sleep(0)
        await watched.pass_time(10)

    assert watched.watch.reported == ["container_exited"]


async def test_new_connection_resumes_from_the_last_event(watched: WatchedGame) -> None:
    """A new connection resumes from the last event, however long ago it was."""
    asked: list[float | None] = []
    listen = watched.events.listen

    def noted(*, since: float | None) -> AbstractAsyncContextManager[AsyncIterator[ContainerEvent]]:
        asked.append(since)
        return listen(since=since)

    watched.events.listen = noted  # type: ignore[method-assign,assignment]
    began = watched.world.clock.now().timestamp()
    async with running(watched.watcher.run()):
        await watched.listens()
        await watched.pass_time(30)
        watched.world.docker.crash(watched.world.engine.id)
        await until(lambda: watched.status is RuntimeStatus.STOPPED)
        exited = watched.world.clock.now().timestamp()
        watched.world.docker.reachable = False
        await watched.pass_time(10 * LOOK_BACK)
        watched.world.docker.reachable = True
        await watched.pass_time(MAX_PAUSE)

    assert asked[0] == began - LOOK_BACK
    assert set(asked[1:]) == {exited}


class EnoughError(BaseException):
    """Ends a watcher that would run forever."""


class _Nothing:
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ContainerEvent:
        raise StreamSilent


@dataclass
class QuietEvents:
    """A stream without events."""

    patience: int
    listened: list[float | None] = field(default_factory=list)

    async def now(self) -> float:
        """Return Docker's time."""
        return 0.0

    @asynccontextmanager
    async def listen(self, *, since: float | None) -> AsyncIterator[AsyncIterator[ContainerEvent]]:
        """Accept the listener and send nothing."""
        self.listened.append(since)
        if len(self.listened) > self.patience:
            raise EnoughError
        yield _Nothing()


async def test_quiet_host_is_no_failure() -> None:
    """A stream without events is reopened at once, and no warning is logged."""
    clock, events, caught_up = ManualClock(), QuietEvents(patience=3), []

    record = RecordDockerEvent(
        cast("ReconcileGame", None), 0.0, ContainerEnds(), LastObservations()
    )

    async def catch_up() -> str:
        caught_up.append(clock.monotonic())
        return ""

    watcher = DockerEventWatcher(cast("ContainerEvents", events), record, catch_up, clock)
    with pytest.raises(BaseExceptionGroup):
        await watcher.run()

    assert len(caught_up) == 3
    assert watcher.status.failures == 0
    assert clock.monotonic() == 0


async def test_events_of_an_operation_are_not_looked_into_again(watched: WatchedGame) -> None:
    """An operation has observed what its own events show: they cost no call to Docker."""

    async def event_arrives() -> None:
        await turns(50)

    watched.world.manager.on("host.stop:done", event_arrives)
    async with running(watched.watcher.run()):
        await watched.listens()
        before = len(watched.world.manager.calls)
        await watched.world.manager.stop()
        await watched.pass_time(1.0)

    calls = watched.world.manager.calls[before:]
    assert calls.count("host.stop") == 1
    assert calls.count("host.containers_of") == 1


async def test_engine_that_exits_after_an_operation_is_looked_into(watched: WatchedGame) -> None:
    """What happens after the operation's last observation is news, however soon."""
    world = watched.world

    async def crash() -> None:
        world.docker.crash(world.engine.id)

    async with running(watched.watcher.run()):
        await watched.listens()
        world.manager.on("store.finish", crash)
        await world.manager.restart()
        await until(lambda: watched.status is RuntimeStatus.STOPPED)

    assert "container_exited" in watched.watch.reported
