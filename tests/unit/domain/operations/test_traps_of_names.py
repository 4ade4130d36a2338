"""Defects once found with names, ids, labels and paths, and with other people's containers."""

from dataclasses import replace

import pytest

from rtmanager.domain.container import container_name, parked_name
from rtmanager.domain.errors import (
    Conflict,
    ErrorCode,
    InvalidRequest,
    StartConfigInvalid,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Outcome
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.operations.scenarios import attempt
from tests.unit.domain.watch import GRACE, Watch, labels_of
from tests.unit.domain.world import (
    BROKEN,
    GAME,
    IMAGE,
    World,
)


async def test_trap_stranger_takes_the_name(running: World) -> None:
    """Stop and cleanup reach a renamed container by its id when a stranger has its name."""
    running.docker.rename(running.engine.id, "renamed-by-hand")
    stranger = running.docker.add_foreign(container_name(GAME), running=True)

    with pytest.raises(Conflict, match="which this service did not make"):
        await running.manager.restart()
    running_still = [each.id for each in running.docker.containers.values() if each.is_running]
    assert len(running_still) == 2

    assert (await running.manager.stop()).status is RuntimeStatus.STOPPED
    with pytest.raises(Conflict, match="which this service did not make"):
        await running.manager.start()
    assert (await running.manager.cleanup()).status is RuntimeStatus.REMOVED
    assert running.docker.containers == {stranger.id: stranger}
    assert stranger.is_running


async def test_trap_stranger_takes_the_name_while_it_is_patched(running: World) -> None:
    """If the name is taken after the parking, the old engine runs under another name."""
    strangers = []

    async def take_the_name() -> None:
        strangers.append(running.docker.add_foreign(container_name(GAME)))

    running.manager.on("host.stop:done", take_the_name)

    with pytest.raises(Conflict, match="which this service did not make"):
        await running.manager.patch()

    assert running.last.outcome is Outcome.FAILURE
    assert running.record is not None
    assert running.docker.containers[running.record.current_container_id].is_running  # type: ignore[index]
    running.docker.vanish(strangers[0].id)
    await Watch(running).reconciled()
    assert running.faults() == []


async def test_trap_parked_name_is_a_game_id() -> None:
    """A game whose id looks like a parked name is not affected."""
    world = World()
    twin = GameId(f"{GAME}.parked-3")
    await world.manager.start()
    await world.manager.start(game=twin)

    await attempt(lambda process: process.patch(BROKEN), world.manager)

    assert world.last.id == 3
    assert world.last.error_code is ErrorCode.CONTAINER_START_FAILED
    assert world.containers[container_name(twin)].is_running
    assert world.engine.is_running
    assert container_name(twin) != parked_name(GAME, 3)


async def test_trap_adopted_without_labels(running: World) -> None:
    """A container without an image label is adopted, and the message says how to proceed."""
    running.docker.drop_labels(running.engine.id, "com.galaxy.engine_image_ref")
    await running.manager.stop()
    running.docker.run(running.engine)
    await Watch(running).reconciled()
    assert running.record is not None
    assert running.record.current_image_ref is None

    with pytest.raises(Conflict, match="stop the game, then start it with an image"):
        await running.manager.start()
    assert (await running.manager.restart()).current_image_ref is None
    await running.manager.stop()

    assert (await running.manager.start()).current_image_ref == IMAGE
    assert running.faults() == []


async def test_trap_state_directory_vanished(stopped: World) -> None:
    """A game with a history never gets an empty state; differing paths are both named."""
    path = stopped.directories.path(GAME)
    kept = stopped.directories.directories.pop(path)

    with pytest.raises(StartConfigInvalid, match=path):
        await stopped.manager.start()
    assert stopped.directories.directories == {}

    stopped.directories.directories[path] = kept
    await stopped.manager.start()
    assert stopped.faults() == []


async def test_trap_state_directory_vanished_after_its_root_was_moved(stopped: World) -> None:
    """After a change of the root setting nothing starts, and the state stays where it is."""
    assert stopped.record is not None
    elsewhere = f"/mnt/old-root/{GAME}"
    before = _with_state_path(stopped, elsewhere)

    with pytest.raises(StartConfigInvalid, match=elsewhere) as refused:
        await stopped.manager.start()

    assert stopped.directories.path(GAME) in str(refused.value)
    assert stopped.record == before


def _with_state_path(world: World, path: str) -> object:
    record = world.store.runtime_records[GAME]
    world.store.runtime_records[GAME] = replace(record, state_path=path)
    return world.record


@pytest.mark.parametrize("twin", ["G1", "g1.", "G1."])
async def test_trap_ids_differ_by_case(running: World, twin: str) -> None:
    """The second start with the same DNS name is refused and creates nothing."""
    before = set(running.docker.containers)

    with pytest.raises(InvalidRequest, match="only in case or a trailing dot"):
        await running.manager.start(game=GameId(twin))

    assert running.last.error_code is ErrorCode.INVALID_REQUEST
    assert set(running.docker.containers) == before


async def test_trap_two_installations_one_host(running: World) -> None:
    """Another installation's container on our network is left alone."""
    theirs = running.docker.add_foreign(
        "galaxy-game-theirs", labels=labels_of("theirs", installation="there"), running=True
    )
    mine = running.docker.add_foreign(
        "theirs-for-g1", labels=labels_of(GAME, installation="there"), running=True
    )
    running.clock.advance(10 * GRACE)

    await running.manager.restart()
    await running.manager.cycles.reconcile.run()
    await running.manager.stop()
    await running.manager.cleanup()

    assert theirs.is_running
    assert mine.is_running
    assert GameId("theirs") not in running.store.runtime_records


async def test_trap_two_installations_one_host_and_one_game(running: World) -> None:
    """Another installation's engine of the same game makes ours a conflict and keeps running."""
    await running.manager.stop()
    await running.manager.cleanup()
    theirs = running.docker.add_foreign(
        container_name(GAME), labels=labels_of(GAME, installation="there"), running=True
    )

    with pytest.raises(Conflict, match="which this service did not make"):
        await running.manager.start()

    assert theirs.is_running
    assert set(running.docker.containers) == {theirs.id}
