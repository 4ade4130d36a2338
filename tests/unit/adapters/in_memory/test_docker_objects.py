"""Engines of the in-memory Docker take time to stop, or are killed, as on a real one."""

import asyncio
from datetime import timedelta

import pytest

from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from tests.unit.adapters.in_memory.slow_docker import SteppingClock, add, catch_up, under_way

DEAF = ImageBehaviour(ignores_sigterm=True)


async def test_an_engine_that_ignores_the_signal_runs_until_its_grace_is_over(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The stop lasts for the grace period, and then the engine is killed."""
    engine = add(docker, running=True, behaviour=DEAF)
    stop = await under_way(host.stop(engine.id, grace=30))
    clock.advance(29.9)
    await catch_up()
    assert (stop.done(), engine.is_running) == (False, True)

    clock.advance(0.1)
    await stop

    assert (engine.is_running, engine.exit_code) == (False, 137)


@pytest.mark.parametrize(("grace", "seconds", "code"), [(10, 4.0, 143), (3, 3.0, 137)])
async def test_an_engine_may_take_its_time_to_stop(
    docker: InMemoryDocker, clock: SteppingClock, grace: int, seconds: float, code: int
) -> None:
    """An engine may take as long to stop as the grace period allows."""
    engine = add(docker, running=True, behaviour=ImageBehaviour(stops_in=4.0))
    docker.stop(engine.id, grace=grace)

    assert docker.next_due == seconds
    clock.advance(seconds)
    docker.catch_up()
    assert (engine.is_running, engine.exit_code) == (False, code)


async def test_a_stop_continues_when_its_caller_has_gone(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The engine exits when it is due although nobody waits for the stop."""
    engine = add(docker, running=True, behaviour=DEAF)
    stop = await under_way(host.stop(engine.id, grace=30))
    stop.cancel()
    await asyncio.wait([stop])
    ends = clock.now() + timedelta(seconds=30)

    clock.advance(100.0)

    found = await host.inspect(engine.id)
    assert found is not None
    assert (found.is_running, found.finished_at) == (False, ends)


async def test_an_engine_that_was_started_again_is_not_stopped_by_the_old_signal(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """A stop concerns only the process that ran then, and its caller is answered."""
    engine = add(docker, running=True, behaviour=DEAF)
    stop = await under_way(host.stop(engine.id, grace=30))
    docker.crash(engine.id)
    docker.run(engine)

    clock.advance(60.0)
    await stop

    assert engine.is_running
