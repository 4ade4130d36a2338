import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from rtmanager.domain.container import GAME_ID_LABEL, ContainerId
from rtmanager.domain.ports.container_events import ContainerEvent, StreamSilent
from rtmanager.domain.ports.container_host import DockerUnavailable
from tests.contract.ports.docker_fixtures import created, running
from tests.contract.ports.docker_worlds import (
    EXITS,
    EXITS_WITH,
    MemoryWorld,
    RealWorld,
    new_game_id,
)
from tests.contract.ports.event_worlds import (
    STALENESS,
    TIMEOUT,
    EventWorld,
    MemoryEvents,
    RealEvents,
    SwarmEvents,
    open_real_events,
    open_swarm_events,
)
from tests.contract.ports.swarm_worlds import SwarmWorld

SECONDS = 20.0
SLACK = 1.0


@pytest.fixture
async def real(real_docker: RealWorld, tmp_path: Path) -> AsyncIterator[RealEvents]:
    """Return a real Docker's events."""
    async with open_real_events(real_docker, tmp_path) as opened:
        yield opened


@pytest.fixture
async def real_of_swarm(real_swarm: SwarmWorld, tmp_path: Path) -> AsyncIterator[SwarmEvents]:
    """Return a real Swarm's events."""
    async with open_swarm_events(real_swarm, tmp_path) as opened:
        yield opened


@pytest.fixture(params=["in memory", "docker", "swarm"])
def world(request: pytest.FixtureRequest, state_root: Path) -> EventWorld:
    """Return each of the sources of events in turn."""
    if request.param != "in memory":
        name = "real" if request.param == "docker" else "real_of_swarm"
        opened: RealEvents = request.getfixturevalue(name)
        return opened
    return MemoryEvents(MemoryWorld(str(state_root)))


async def up_to(
    stream: AsyncIterator[ContainerEvent], container_id: ContainerId, action: str
) -> list[ContainerEvent]:
    """Read the container's events up to the first with this action."""
    seen: list[ContainerEvent] = []
    async with asyncio.timeout(SECONDS):
        async for event in stream:
            if event.container_id == container_id:
                seen.append(event)
                if event.action == action:
                    break
    return seen


async def end_of(stream: AsyncIterator[ContainerEvent]) -> DockerUnavailable:
    """Read the stream to its end and return why it ended."""
    async with asyncio.timeout(SECONDS):
        with pytest.raises(DockerUnavailable) as raised:
            async for _ in stream:
                pass
    return raised.value


async def test_start_is_reported(world: EventWorld) -> None:
    """The event of a start names the game and the container, on Docker's own time.

    A resumed stream repeats the last moment, so that no simultaneous event is lost.
    """
    game_id, before = new_game_id(), await world.events.now()
    async with world.events.listen(since=None) as stream:
        container_id = await running(world.docker, game_id=game_id)

        event = (await up_to(stream, container_id, "start"))[-1]

    assert (event.game_id, event.container_id) == (game_id, container_id)
    assert before <= event.at <= await world.events.now()
    async with world.events.listen(since=event.at) as stream:
        assert (await up_to(stream, container_id, "start"))[-1] == event


async def test_stream_is_resumed_within_a_second(world: EventWorld) -> None:
    """A stream is resumed with sub-second precision, so that few events repeat."""
    async with world.events.listen(since=None) as stream:
        container_id = await running(world.docker)
        started = (await up_to(stream, container_id, "start"))[-1]

    async with world.events.listen(since=started.at + 0.001) as stream:
        world.docker.vanish(container_id)
        actions = [event.action for event in await up_to(stream, container_id, "destroy")]

    assert "start" not in actions


async def test_without_since_only_what_comes_is_reported(world: EventWorld) -> None:
    """Not the past; but once the block is entered no event is missed, however late the read."""
    container_id = await running(world.docker)
    async with world.events.listen(since=None) as stream:
        world.docker.vanish(container_id)
        await world.docker.host.list_containers()

        actions = [event.action for event in await up_to(stream, container_id, "destroy")]

    assert "start" not in actions


async def test_exit_is_reported(world: EventWorld) -> None:
    """An engine that exits on its own is reported."""
    async with world.events.listen(since=None) as stream:
        container_id = await running(world.docker, EXITS)

        died = (await up_to(stream, container_id, "die"))[-1]

    assert died.exit_code == EXITS_WITH


async def test_kill_is_reported(world: EventWorld) -> None:
    """An engine that someone else killed is reported, and the signal that did it.

    A Swarm shows no signals.
    """
    container_id = await running(world.docker)
    async with world.events.listen(since=None) as stream:
        world.docker.kill(container_id)

        if world.docker.is_swarm:
            assert await up_to(stream, container_id, "die")
            return
        signalled = await up_to(stream, container_id, "kill")
        assert await up_to(stream, container_id, "die")

    assert signalled[-1].signal == "SIGKILL"


async def test_stop_is_reported(world: EventWorld) -> None:
    """A stop of our own is reported as well, with its signal."""
    container_id = await running(world.docker)
    async with world.events.listen(since=None) as stream:
        await world.docker.host.stop(container_id, grace=5)

        if world.docker.is_swarm:
            assert await up_to(stream, container_id, "die")
            return
        signalled = await up_to(stream, container_id, "kill")
        assert await up_to(stream, container_id, "die")

    assert signalled[-1].signal == "SIGTERM"


async def test_lack_of_memory_is_reported(world: EventWorld) -> None:
    """A kill for lack of memory is reported before the exit; of a Swarm only the exit."""
    async with world.events.listen(since=None) as stream:
        container_id = await world.out_of_memory()

        actions = [event.action for event in await up_to(stream, container_id, "die")]

    assert ("oom" in actions) is not world.docker.is_swarm


async def test_removal_of_a_running_container_is_reported(world: EventWorld) -> None:
    """A forced removal is reported as an exit and a removal."""
    container_id = await running(world.docker)
    async with world.events.listen(since=None) as stream:
        world.docker.vanish(container_id)

        actions = [event.action for event in await up_to(stream, container_id, "destroy")]

    assert [action for action in actions if action in {"die", "destroy"}] == ["die", "destroy"]


async def test_removal_of_a_container_that_does_not_run_is_reported(world: EventWorld) -> None:
    """Removing a container that does not run reports no exit."""
    container_id = await created(world.docker)
    async with world.events.listen(since=None) as stream:
        await world.docker.host.remove(container_id)

        actions = [event.action for event in await up_to(stream, container_id, "destroy")]

    assert "die" not in actions


async def test_only_what_is_of_use_is_reported(world: EventWorld) -> None:
    """Docker also reports creations, executed programs and much else."""
    async with world.events.listen(since=None) as stream:
        container_id = await running(world.docker)
        world.docker.write(container_id, 1024)
        world.docker.vanish(container_id)

        actions = [event.action for event in await up_to(stream, container_id, "destroy")]

    assert [each for each in actions if each != "kill"] == ["start", "die", "destroy"]
    assert actions.count("kill") == (0 if world.docker.is_swarm else 1)


async def test_containers_of_others_are_not_reported(world: EventWorld) -> None:
    """Containers without our owner label are not reported, whatever other labels they have."""
    labels = {GAME_ID_LABEL: new_game_id()}
    theirs = world.docker.add_foreign(new_game_id(), labels, world.docker.network)
    began = await world.events.now()
    world.start_foreign(theirs)
    ours = await running(world.docker)
    seen: set[str] = set()

    async with world.events.listen(since=began) as stream, asyncio.timeout(SECONDS):
        async for event in stream:
            seen.add(event.container_id)
            if (event.container_id, event.action) == (ours, "start"):
                break

    assert theirs not in seen


async def test_resumed_stream_reports_what_happened_between(world: EventWorld) -> None:
    """A lost connection loses no event that Docker still has."""
    container_id = await running(world.docker)
    async with world.events.listen(since=None) as stream:
        world.docker.kill(container_id)
        last = (await up_to(stream, container_id, "die"))[-1]
    world.docker.vanish(container_id)

    async with world.events.listen(since=last.at) as stream:
        assert await up_to(stream, container_id, "destroy")


async def test_trap_stream_eof(world: EventWorld) -> None:
    """A lost connection raises an error, and the next connection works."""
    began = await world.events.now()
    container_id = await running(world.docker)
    async with world.events.listen(since=None) as stream:
        world.cut()

        await end_of(stream)

    async with world.events.listen(since=began) as stream:
        assert await up_to(stream, container_id, "start")


async def test_end_of_a_stream_stays_the_end(world: EventWorld) -> None:
    """Reading on after the end raises the same error again."""
    async with world.events.listen(since=None) as stream:
        world.cut()

        assert str(await end_of(stream)) == str(await end_of(stream))


async def test_events_before_the_cut_are_reported(world: EventWorld) -> None:
    """Events that have arrived are still delivered after the connection is lost."""
    began = await world.events.now()
    container_id = await running(world.docker)
    async with world.events.listen(since=began) as stream:
        await asyncio.sleep(0.5)  # the real Docker sends it in its own time
        world.cut()

        assert await up_to(stream, container_id, "start")


async def test_trap_event_stream_silent(world: EventWorld) -> None:
    """A stream that hangs while it seems connected is given up after the staleness limit.

    One of a Swarm is after the next look at the tasks.
    """
    async with world.events.listen(since=None) as stream:
        world.silence()
        began = time.monotonic()

        ended = await end_of(stream)

    assert time.monotonic() - began < STALENESS + SLACK
    if not world.docker.is_swarm:
        assert isinstance(ended, StreamSilent)
        assert f"{STALENESS:g} s" in str(ended)


async def test_unreachable_docker_is_unavailable(world: EventWorld) -> None:
    """Without Docker, both its events and its clock are unavailable."""
    world.go_away()

    with pytest.raises(DockerUnavailable):
        await world.events.now()
    for since in (None, 0.0):
        with pytest.raises(DockerUnavailable):
            async with world.events.listen(since=since):
                pass


async def test_docker_that_came_back_reports_events_again(world: EventWorld) -> None:
    """Events arrive again after an outage, without a restart of ours."""
    world.go_away()
    with pytest.raises(DockerUnavailable):
        await world.events.now()
    world.come_back()

    async with world.events.listen(since=None) as stream:
        container_id = await running(world.docker)
        assert await up_to(stream, container_id, "start")


async def test_docker_that_accepts_no_listener_is_given_up(real: RealEvents) -> None:
    """Entering the block has the same deadline as any other call."""
    since = await real.events.now()
    real.silence()
    began = time.monotonic()

    with pytest.raises(DockerUnavailable):
        async with real.events.listen(since=since):
            pass

    assert time.monotonic() - began < TIMEOUT + SLACK


async def test_stream_outlives_the_deadline_of_calls(real: RealEvents) -> None:
    """A live stream may be silent for longer than a call may last."""
    async with real.events.listen(since=None) as stream:
        real.silence()
        began = time.monotonic()
        await end_of(stream)

    assert time.monotonic() - began > (TIMEOUT + STALENESS) / 2


@pytest.mark.parametrize("fault", ["none", "silence", "cut"])
async def test_left_stream_leaves_nothing_behind(real: RealEvents, fault: str) -> None:
    """Leaving the block leaves neither a thread nor a socket behind."""
    await real.events.now()
    before = _open_files()
    async with real.events.listen(since=None):
        if fault != "none":
            getattr(real, fault)()

    await _no_thread()
    real.come_back()

    await _no_more_files(before)


async def test_cancelled_listener_leaves_nothing_behind(real: RealEvents) -> None:
    """A listener cancelled before it was accepted leaves nothing behind either."""
    since = await real.events.now()
    before = _open_files()
    real.silence()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), real.events.listen(since=since):
            pass
    real.come_back()

    await _no_thread()
    await _no_more_files(before)


async def _no_thread() -> None:
    """Wait, for less than the staleness limit, until no stream's thread is left."""
    async with asyncio.timeout(SLACK):
        while any(each.name == "docker-events" for each in threading.enumerate()):  # noqa: ASYNC110 - a thread sends no notice
            await asyncio.sleep(0.01)


async def _no_more_files(than: int) -> None:
    """Wait until the proxy, which also runs in this process, has closed its ends."""
    async with asyncio.timeout(SLACK):
        while _open_files() > than:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


def _open_files() -> int:
    return psutil.Process().num_fds()
