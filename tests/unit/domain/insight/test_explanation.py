"""The sentence about a game, where a real Docker is too slow or too unruly to show it."""

import asyncio
from dataclasses import replace

import pytest

from rtmanager.domain.container import container_name
from rtmanager.domain.errors import NotFound, RuntimeManagerError
from rtmanager.domain.insight.engine_exit import exit_of
from rtmanager.domain.insight.explanation import Explanation
from rtmanager.domain.operation import Fence, OpSource
from rtmanager.domain.ports.container_host import DockerUnavailable, HostSilent
from tests.unit.domain.watch import GRACE, Watch, labels_of
from tests.unit.domain.world import BROKEN, GAME, PATCHED, Hang, Process, World


@pytest.fixture
def world() -> World:
    """Return a world whose first process follows Docker's events."""
    made = World()
    ends = made.manager.cases.ends
    ends.follow(made.clock.now())
    made.clock.advance(1)
    made.docker.listeners.append(ends.note)
    return made


async def explained(world: World, process: Process | None = None) -> Explanation:
    """Explain the game."""
    return await (process or world.manager).cases.explain.run(GAME)


async def sentence(world: World, process: Process | None = None) -> str:
    """Return the sentence."""
    return (await explained(world, process)).summary


async def test_unknown_game_has_no_explanation(world: World) -> None:
    """Nobody has asked for it, and it has no container."""
    with pytest.raises(NotFound, match="nobody has asked"):
        await explained(world)


async def test_first_start_under_way_is_explained(world: World) -> None:
    """There is no record yet, and no container."""
    hang = Hang()
    world.manager.on("host.create", hang)
    starting = asyncio.ensure_future(world.manager.start())
    await hang.reached.wait()

    said = await explained(world)
    starting.cancel()

    assert said.summary.startswith("Being started with galaxy/game:1.4.7 by the Game Master since")
    assert said.summary.endswith("now: creating the container.")
    assert said.facts.open_operation is not None


async def test_rollback_under_way_says_why(world: World) -> None:
    """What failed is known before the operation ends."""
    await world.manager.start()
    hang = Hang()
    world.manager.on("host.remove", hang)
    patching = asyncio.ensure_future(world.manager.patch(BROKEN))
    await hang.reached.wait()

    said = await sentence(world)
    patching.cancel()

    assert "being rolled back: the engine exited with code 3" in said
    assert said.endswith("; before, it was running galaxy/game:1.4.7.")


async def test_stop_that_found_a_dead_engine_did_not_end_it(world: World) -> None:
    """The engine had crashed before anybody asked for the stop."""
    await world.manager.start()
    world.docker.crash(world.engine.id, exit_code=3)

    await world.manager.stop()

    assert ", but before that its engine exited by itself with code 3 at " in await sentence(world)


async def test_exit_that_is_not_recorded_yet_is_said(world: World) -> None:
    """The record is wrong for a moment, and Docker is right."""
    await world.manager.start()
    world.docker.crash(world.engine.id, exit_code=3)

    said = await explained(world)

    assert said.summary.startswith(
        "Recorded as running galaxy/game:1.4.7, but its engine exited with code 3 at "
    )
    assert said.summary.endswith("the record is running but its container is exited.")
    assert said.facts.engine_exit is not None
    assert said.facts.engine_exit.exit_code == 3


async def test_engine_that_others_started_again_is_said_to_be(world: World) -> None:
    """The reconciler noticed both, and says how the engine had ended."""
    await world.manager.start()
    world.docker.stop(world.engine.id)
    await Watch(world).reconciled()
    world.docker.run(world.engine)
    await Watch(world).reconciled()

    said = await sentence(world)

    assert ": someone else started its container again through Docker, after its engine " in said
    assert "was stopped with SIGTERM through Docker by someone else (exit code 143)" in said


async def test_engine_without_a_record_was_not_started_by_others(world: World) -> None:
    """A database that was restored knows nothing of it, and accuses nobody."""
    name = container_name(GAME)
    world.docker.add_foreign(name, labels=labels_of(), running=True)
    world.clock.advance(GRACE + 1)
    await Watch(world).reconciled()

    said = await sentence(world)

    assert ", found running without a record of it and taken over by the reconciler" in said


async def test_own_restart_of_a_rollback_is_nobody_elses(world: World) -> None:
    """A failed patch has started the old engine again."""
    await world.manager.start()
    world.clock.advance(60)
    with pytest.raises(RuntimeManagerError):
        await world.manager.patch(BROKEN)

    said = await sentence(world)

    assert "someone else" not in said
    assert "the last patch to galaxy/game:1.4" in said
    assert "failed and was rolled back" in said


async def test_signals_of_an_own_stop_are_nobody_elses(world: World) -> None:
    """The engine that was rolled back to has crashed by itself, long after our stop of it."""
    await world.manager.start()
    with pytest.raises(RuntimeManagerError):
        await world.manager.patch(BROKEN)
    world.clock.advance(60)
    world.docker.crash(world.engine.id, exit_code=3)
    await Watch(world).reconciled()

    said = await sentence(world)

    assert said.startswith("Stopped: its engine exited by itself with code 3 at ")


async def test_another_replica_that_saw_nothing_says_so(world: World) -> None:
    """The process that records an exit may not be the one that followed Docker's events."""
    await world.manager.start()
    other = world.process()
    world.docker.kill(world.engine.id)
    await Watch(world, other).reconciled()

    said = await sentence(world, other)

    assert "exited with code 137 (SIGKILL)" in said
    assert said.endswith("so who ended it is not known.")


async def test_docker_that_was_away_is_said_to_have_been(world: World) -> None:
    """A restart of Docker, or of its host, has ended the engine."""
    await world.manager.start()
    ends = world.manager.cases.ends
    world.docker.listeners.clear()
    ends.lose(world.clock.now())
    world.clock.advance(3)
    world.docker.crash(world.engine.id, exit_code=143)
    world.clock.advance(3)
    ends.follow(world.clock.now())
    await Watch(world).reconciled()

    said = await sentence(world)

    assert said.endswith("while Docker went away: Docker or its host was stopped or restarted.")


async def test_docker_that_shuts_down_is_nobody_else(world: World) -> None:
    """It sends its signal, shows the end, and is gone before the last lines are read."""
    await world.manager.start()
    world.docker.stop(world.engine.id)
    world.manager.on("host.logs", DockerUnavailable())
    await Watch(world).reconciled()

    said = await sentence(world)

    assert "was stopped with SIGTERM through Docker (exit code 143) at " in said
    assert said.endswith(", while Docker went away: Docker or its host was stopped or restarted.")


async def test_docker_that_is_slow_has_not_gone_away(world: World) -> None:
    """Its last lines did not come in time, and who sent the signal is said as it was seen."""
    await world.manager.start()
    world.docker.stop(world.engine.id)
    world.manager.on("host.logs", HostSilent())
    await Watch(world).reconciled()

    said = await sentence(world)

    assert "was stopped with SIGTERM through Docker by someone else (exit code 143)" in said
    assert "Docker went away" not in said


async def test_last_lines_outlive_the_container(world: World) -> None:
    """They are kept with the exit, and found past the removal."""
    world.image("galaxy/game:1.4.12", exits_after=None, output=("the last words",))
    await world.manager.start("galaxy/game:1.4.12")
    world.docker.crash(world.engine.id, exit_code=3)
    await Watch(world).reconciled()
    world.docker.vanish(world.engine.id)
    await Watch(world).reconciled()

    ended = (await explained(world)).facts.engine_exit

    assert ended is not None
    assert (ended.exit_code, ended.log_tail) == (3, ("the last words",))


@pytest.mark.parametrize("call", ["host.logs", "host.logs:done"])
async def test_lines_that_cannot_be_read_are_no_obstacle(world: World, call: str) -> None:
    """A stop succeeds, and its exit is kept without them."""
    await world.manager.start()
    world.manager.on(call, DockerUnavailable())

    await world.manager.stop()

    ended = exit_of(world.last)
    assert ended is not None
    assert (ended.exit_code, ended.log_tail) == (143, ())


async def test_drift_is_added(world: World) -> None:
    """What the reconciler has not done yet is a part of the state."""
    await world.manager.start()
    world.docker.rename(world.engine.id, "somebody-elses")

    assert "; not reconciled yet: the record's container is named somebody-elses" in (
        await sentence(world)
    )


async def test_docker_that_is_away_leaves_the_rest(world: World) -> None:
    """The database has most of it."""
    await world.manager.start()
    await world.docker_leaves()

    said = await explained(world)

    assert said.facts.docker_error
    assert (said.facts.container, said.facts.drift) == (None, ())
    assert "; what Docker shows now is not known: " in said.summary


async def test_cause_that_was_pruned_is_said_to_be(world: World) -> None:
    """The log does not keep operations for ever."""
    await world.manager.start()
    await world.manager.stop()
    del world.store.operations[Fence(2)]

    said = await sentence(world)

    assert said.startswith("Stopped at ")
    assert said.endswith("by an operation that the log does not have any more.")


async def test_operator_and_job_are_named(world: World) -> None:
    """Each source has its words."""
    said = []
    for source in (OpSource.ADMIN_REST, OpSource.LOBBY_STREAM):
        world.source = source
        await world.manager.start()
        await world.manager.stop()
        said.append((await sentence(world)).partition(" at ")[0])

    assert said == ["Stopped by an operator", "Stopped by a job of the Lobby"]


async def test_operation_that_finishes_meanwhile_is_not_half_told(world: World) -> None:
    """The record and the log are read again when they have changed."""
    await world.manager.start()

    async def stop() -> None:
        await world.manager.stop()

    world.manager.on("host.containers_of", stop)

    said = await explained(world)

    assert said.summary.startswith("Stopped by the Game Master")
    assert said.facts.record == world.record


async def test_patch_is_said_with_its_image(world: World) -> None:
    """The image is that of the record; it was patched to it."""
    await world.manager.start()
    await world.manager.patch(PATCHED)

    said = await sentence(world)

    assert said.startswith(f"Running {PATCHED} since ")
    assert ", patched to it by the Game Master, healthy" in said
    assert replace(await explained(world)).facts.engine_exit is None
