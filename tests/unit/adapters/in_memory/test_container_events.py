import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.container_events import InMemoryContainerEvents
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour, MemoryContainer
from rtmanager.adapters.in_memory.docker_world import KEPT_EVENTS, InMemoryDocker
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    KIND,
    KIND_LABEL,
    OWNER,
    OWNER_LABEL,
)
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.ports.container_host import DockerUnavailable

STALENESS = 60.0


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that advances when everyone waits."""
    return ManualClock()


@pytest.fixture
def docker(clock: ManualClock) -> InMemoryDocker:
    """Return a Docker."""
    return InMemoryDocker(clock=clock)


@pytest.fixture
def events(docker: InMemoryDocker) -> InMemoryContainerEvents:
    """Return its events."""
    return InMemoryContainerEvents(docker=docker, staleness=STALENESS)


def add(
    docker: InMemoryDocker, name: str = "a", behaviour: ImageBehaviour | None = None
) -> MemoryContainer:
    """Create one of our containers, of a game of that name."""
    labels = {OWNER_LABEL: OWNER, KIND_LABEL: KIND, GAME_ID_LABEL: name}
    return docker.add_foreign(name, labels=labels, behaviour=behaviour)


async def all_of(stream: AsyncIterator[ContainerEvent]) -> list[str]:
    """Return game and action of all events before the stream ends."""
    seen: list[str] = []

    async def read() -> None:
        async for event in stream:
            seen.append(f"{event.game_id} {event.action}")  # noqa: PERF401 - the stream ends by raising

    with pytest.raises(DockerUnavailable):
        await read()
    return seen


@pytest.mark.parametrize(
    ("delays", "delivered"),
    [((), []), ((0.0,), ["a start"]), ((0.0, 0.0), ["a start", "a start"]), ((7.0,), ["a start"])],
)
async def test_an_event_arrives_as_often_as_it_has_delays(
    docker: InMemoryDocker,
    events: InMemoryContainerEvents,
    delays: Sequence[float],
    delivered: list[str],
) -> None:
    """An event with no delay is dropped, and one with two arrives twice."""
    events.delays = lambda _: delays
    async with events.listen(since=None) as stream:
        docker.run(add(docker))

        assert await all_of(stream) == delivered


async def test_a_delayed_event_arrives_late(
    docker: InMemoryDocker, events: InMemoryContainerEvents, clock: ManualClock
) -> None:
    """A delayed event keeps the time at which it happened."""
    events.delays = lambda _: (7.0,)
    async with events.listen(since=None) as stream:
        docker.run(add(docker))
        began = clock.monotonic()

        event = await anext(stream)

    assert clock.monotonic() - began == 7.0
    assert event.at == await events.now() - 7.0


async def test_events_of_different_delays_change_places(
    docker: InMemoryDocker, events: InMemoryContainerEvents
) -> None:
    """A later event can arrive before an earlier one."""
    events.delays = lambda event: (5.0,) if event.action == "start" else (1.0,)
    async with events.listen(since=None) as stream:
        container = add(docker)
        docker.run(container)
        docker.crash(container.id)

        assert await all_of(stream) == ["a die", "a start"]


async def test_a_cut_loses_what_is_under_way(
    docker: InMemoryDocker, events: InMemoryContainerEvents
) -> None:
    """Events that have not arrived when the stream is cut never arrive."""
    events.delays = lambda event: (5.0,) if event.action == "die" else (0.0,)
    async with events.listen(since=None) as stream:
        container = add(docker)
        docker.run(container)
        docker.crash(container.id)
        events.cut()

        assert await all_of(stream) == ["a start"]


async def test_a_quiet_stream_ends_with_the_staleness_limit(
    events: InMemoryContainerEvents, clock: ManualClock
) -> None:
    """A quiet stream is indistinguishable from a dead one and ends at the limit."""
    async with events.listen(since=None) as stream:
        assert await all_of(stream) == []

    assert clock.monotonic() == STALENESS


async def test_an_arrival_restarts_the_staleness_limit(
    docker: InMemoryDocker, events: InMemoryContainerEvents, clock: ManualClock
) -> None:
    """The limit counts from the last event."""
    events.delays = lambda _: (50.0,)
    async with events.listen(since=None) as stream:
        docker.run(add(docker))
        await all_of(stream)

    assert clock.monotonic() == 50.0 + STALENESS


async def test_a_silent_stream_gets_nothing_and_the_next_one_does(
    docker: InMemoryDocker, events: InMemoryContainerEvents
) -> None:
    """Only streams that are open at the time hang."""
    began = await events.now()
    async with events.listen(since=None) as stream:
        events.silence()
        docker.run(add(docker))
        assert await all_of(stream) == []

    async with events.listen(since=began) as stream:
        assert await all_of(stream) == ["a start"]


async def test_a_docker_that_goes_away_ends_the_stream(
    docker: InMemoryDocker, events: InMemoryContainerEvents
) -> None:
    """The stream ends at the staleness limit at the latest."""
    async with events.listen(since=None) as stream:
        docker.reachable = False

        assert await all_of(stream) == []


async def test_an_exit_that_is_due_wakes_the_reader(
    docker: InMemoryDocker, events: InMemoryContainerEvents, clock: ManualClock
) -> None:
    """An exit is reported when it is due, although nobody calls Docker then."""
    container = add(docker, behaviour=ImageBehaviour(exits_after=9.0))
    async with events.listen(since=None) as stream:
        docker.run(container)
        assert (await anext(stream)).action == "start"

        died = await anext(stream)

    assert (died.action, clock.monotonic()) == ("die", 9.0)
    assert died.at == await events.now()


async def test_an_exit_that_somebody_asked_for_wakes_the_reader(docker: InMemoryDocker) -> None:
    """A stop that brings the exit forward wakes the reader earlier."""
    clock = ManualClock(auto=False)
    docker.clock = clock
    events = InMemoryContainerEvents(docker=docker)
    container = add(docker, behaviour=ImageBehaviour(ignores_sigterm=True))
    docker.run(container)
    async with asyncio.timeout(5), events.listen(since=None) as stream:
        docker.stop(container.id, grace=7.0)
        assert (await anext(stream)).signal == "SIGTERM"
        reader = asyncio.create_task(_two(stream))
        await _let_tasks_run()
        clock.advance(7.0)

        assert [(each.action, each.signal) for each in await reader] == [
            ("kill", "SIGKILL"),
            ("die", None),
        ]


async def _two(stream: AsyncIterator[ContainerEvent]) -> list[ContainerEvent]:
    return [await anext(stream), await anext(stream)]


async def _let_tasks_run() -> None:
    for _ in range(9):
        await asyncio.sleep(0)


async def test_a_reader_that_waits_is_woken_at_once(docker: InMemoryDocker) -> None:
    """An event or the end of the stream wakes the reader without time passing."""
    docker.clock = ManualClock(auto=False)
    events = InMemoryContainerEvents(docker=docker)
    async with events.listen(since=None) as stream:
        reader = asyncio.create_task(all_of(stream))
        for _ in range(5):
            await asyncio.sleep(0)
        docker.run(add(docker))
        for _ in range(5):
            await asyncio.sleep(0)
        events.cut()

        assert await reader == ["a start"]

    assert docker.clock.monotonic() == 0.0


async def test_docker_forgets_old_events(
    docker: InMemoryDocker, events: InMemoryContainerEvents
) -> None:
    """Docker keeps the last 256 events, so after a long gap everything must be listed again."""
    for number in range(KEPT_EVENTS + 1):
        docker.run(add(docker, f"g{number}"))

    async with events.listen(since=0.0) as stream:
        delivered = await all_of(stream)

    assert (len(delivered), delivered[0], delivered[-1]) == (256, "g1 start", "g256 start")


async def test_the_past_is_in_the_order_of_time(
    docker: InMemoryDocker, events: InMemoryContainerEvents, clock: ManualClock
) -> None:
    """An exit is reported before later events, even if nobody observed it at the time."""
    for name, seconds in (("late", 5.0), ("early", 3.0)):
        docker.run(add(docker, name, ImageBehaviour(exits_after=seconds)))
    clock.advance(10.0)
    other = add(docker, "other")
    docker.vanish(other.id)

    async with events.listen(since=0.0) as stream:
        delivered = await all_of(stream)

    assert delivered[-3:] == ["early die", "late die", "other destroy"]


async def test_streams_that_were_left_get_no_events(
    docker: InMemoryDocker, events: InMemoryContainerEvents
) -> None:
    """A stream whose block was left is forgotten."""
    async with events.listen(since=None):
        pass

    assert docker.listeners == []
    events.cut()
