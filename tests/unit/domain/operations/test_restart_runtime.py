from dataclasses import replace

import pytest

from rtmanager.domain.errors import Conflict, ContainerStartFailed, ErrorCode, NotFound
from rtmanager.domain.operation import Outcome
from rtmanager.domain.operations.container_spec import PullPolicy
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.world import GAME, IMAGE, POLICY, World


async def test_restart_puts_a_new_container_in_the_old_ones_place(running: World) -> None:
    """A restart changes the container id and nothing else that callers rely on."""
    before = running.record
    running.clock.advance(60)

    record = await running.manager.restart()

    assert before is not None
    assert record.current_container_id not in {None, before.current_container_id}
    assert record.current_image_ref == before.current_image_ref
    assert record.engine_endpoint == before.engine_endpoint
    assert record.created_at == before.created_at
    assert running.faults() == []


async def test_restart_of_a_stopped_game_runs_it(stopped: World) -> None:
    """A stopped game may be restarted and runs afterwards."""
    record = await stopped.manager.restart()

    assert record.status is RuntimeStatus.RUNNING
    assert stopped.faults() == []


async def test_restart_of_a_removed_game_is_a_conflict(removed: World) -> None:
    """Without a container there is nothing to restart."""
    with pytest.raises(Conflict, match="start the game with an image"):
        await removed.manager.restart()

    assert removed.last.error_code is ErrorCode.CONFLICT


async def test_restart_of_a_game_never_started_is_not_found(world: World) -> None:
    """A game that was never started is not found."""
    with pytest.raises(NotFound):
        await world.manager.restart()


async def test_restart_runs_the_very_image_after_its_tag_has_moved(running: World) -> None:
    """The record's image id runs again, whatever its tag means by now."""
    old = running.docker.images["docker.io/galaxy/game:1.4.7"]
    running.docker.add_image(IMAGE, labels={"build": "2"})
    running.docker.images["docker.io/library/untagged:latest"] = old

    record = await running.manager.restart()

    assert record.image_id == old.id
    assert running.engine.image.id == old.id


async def test_restart_never_pulls_an_image_that_is_on_the_host() -> None:
    """This holds even with pull policy always."""
    world = World(policy=replace(POLICY, pull_policy=PullPolicy.ALWAYS))
    world.docker.add_image(IMAGE, in_registry=True)
    await world.manager.start()
    world.docker.pulls.clear()

    await world.manager.restart()

    assert world.docker.pulls == []


async def test_restart_pulls_its_reference_when_the_image_left_the_host(running: World) -> None:
    """The reference is pulled only if the image id is gone."""
    running.docker.remove_image(IMAGE)
    image = running.docker.add_image(IMAGE, labels={"build": "2"}, in_registry=True)

    record = await running.manager.restart()

    assert running.docker.pulls == ["docker.io/galaxy/game:1.4.7"]
    assert record.image_id == image.id


async def test_restart_replaces_an_exited_engine(running: World) -> None:
    """A restart runs an engine that had exited, and the log says so."""
    running.docker.oom(running.engine.id)

    await running.manager.restart()

    assert running.last.details["found"] == "container_oom"
    assert running.faults() == []


async def test_restart_records_how_long_the_endpoint_was_down(running: World) -> None:
    """Downtime lasts from before the old engine's stop to the new one's first answer."""

    async def take_two_seconds() -> None:
        running.clock.advance(2)

    running.manager.on("host.stop", take_two_seconds)
    running.image(IMAGE, healthy_after=1.0)

    await running.manager.restart()

    assert running.last.details["downtime_ms"] == pytest.approx(3000, abs=300)


async def test_restart_that_fails_brings_the_old_engine_back(running: World) -> None:
    """The old container runs again under its id and name, and the record is unchanged."""
    before = running.record
    running.docker.remove_image(IMAGE)
    running.docker.add_image(IMAGE, labels={"com.galaxy.memory": "nonsense"})

    with pytest.raises(ContainerStartFailed, match="image label"):
        await running.manager.restart()

    assert running.record == before
    assert running.last.outcome is Outcome.FAILURE
    assert running.faults() == []


async def test_restart_without_the_network_leaves_the_engine_alone(running: World) -> None:
    """A missing network fails the restart, which has no 400, before the engine is touched."""
    running.docker.networks.clear()
    starts = list(running.docker.starts)

    with pytest.raises(ContainerStartFailed, match="docker network create"):
        await running.manager.restart()

    assert running.docker.starts == starts
    assert running.faults() == []


async def test_restart_gives_the_state_directory_back_untouched(running: World) -> None:
    """What the old engine wrote is there for the new one."""
    path = running.directories.path(GAME)
    kept = replace(running.directories.directories[path], content=("state.db",))
    running.directories.directories[path] = kept

    await running.manager.restart()

    assert running.directories.directories[path].content == ("state.db",)
