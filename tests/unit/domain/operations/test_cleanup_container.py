import pytest

from rtmanager.domain.container import parked_name
from rtmanager.domain.errors import Conflict, ErrorCode, NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Outcome
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import refusal
from tests.unit.domain.world import GAME, World


async def test_cleanup_removes_a_stopped_container(stopped: World) -> None:
    """The record becomes removed, with container, image and endpoint null."""
    before = stopped.record
    stopped.clock.advance(60)

    record = await stopped.manager.cleanup()

    assert before is not None
    assert stopped.docker.containers == {}
    assert record.status is RuntimeStatus.REMOVED
    assert record.current_container_id is None
    assert record.current_image_ref is None
    assert record.engine_endpoint is None
    assert record.removed_at == record.last_op_at == stopped.clock.now()
    assert record.stopped_at == before.stopped_at
    assert record.created_at == before.created_at


async def test_cleanup_does_not_touch_the_state_directory(stopped: World) -> None:
    """A game's state outlives its container."""
    before = dict(stopped.directories.directories)

    await stopped.manager.cleanup()

    assert stopped.directories.directories == before != {}


async def test_cleanup_of_a_running_game_is_a_conflict(running: World) -> None:
    """A running game must be stopped first."""
    before = running.record

    with pytest.raises(Conflict, match="stop it before"):
        await running.manager.cleanup()

    assert running.record == before
    assert running.last.error_code is ErrorCode.CONFLICT
    assert running.faults() == []


async def test_cleanup_of_a_removed_game_is_a_replay(removed: World) -> None:
    """A second cleanup changes nothing but the log."""
    before = removed.record

    assert await removed.manager.cleanup() == before

    assert removed.last.outcome is Outcome.SUCCESS
    assert removed.last.error_code is ErrorCode.REPLAY_NO_OP


async def test_cleanup_of_a_game_never_started_is_not_found(world: World) -> None:
    """A game that was never started is not found."""
    with pytest.raises(NotFound):
        await world.manager.cleanup()


async def test_cleanup_of_a_container_that_is_gone_succeeds(stopped: World) -> None:
    """A container that someone else has removed is no error."""
    stopped.docker.vanish(stopped.engine.id)

    record = await stopped.manager.cleanup()

    assert record.status is RuntimeStatus.REMOVED
    assert stopped.last.outcome is Outcome.SUCCESS


async def test_cleanup_leaves_the_containers_of_others_alone(stopped: World) -> None:
    """Neither another game's container nor a foreign one is touched."""
    await stopped.manager.start(game="g2")  # type: ignore[arg-type]
    stopped.docker.add_foreign("galaxy-game-g1-lookalike")

    await stopped.manager.cleanup()

    assert set(stopped.containers) == {"galaxy-game-g2", "galaxy-game-g1-lookalike"}


async def test_cleanup_cut_short_takes_leftovers_before_the_records_container(
    stopped: World,
) -> None:
    """While a leftover remains the record says stopped, so that a cleanup can be repeated."""
    leftover = stopped.docker.add_foreign(
        parked_name(GAME, 1), labels=stopped.engine.listed().labels
    )
    before = stopped.record
    stopped.manager.on("host.remove", refusal())
    with pytest.raises(Exception, match="500 Server Error; the game is stopped as before"):
        await stopped.manager.cleanup()
    assert stopped.record == before

    record = await stopped.manager.cleanup()

    assert leftover.id not in stopped.docker.containers
    assert record.status is RuntimeStatus.REMOVED
    assert stopped.faults() == []


async def test_cleanup_removes_containers_of_its_own_game_only(stopped: World) -> None:
    """Other games' containers stay, stopped or running."""
    ours = stopped.engine.id
    for game in ("g2", "g3"):
        await stopped.manager.start(game=GameId(game))
    await stopped.manager.stop(GameId("g3"))
    everyone = set(stopped.docker.containers)

    await stopped.manager.cleanup()

    assert set(stopped.docker.containers) == everyone - {ours}
