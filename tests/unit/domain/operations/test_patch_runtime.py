import asyncio
from dataclasses import replace

import pytest

from rtmanager.domain.container import parked_name
from rtmanager.domain.errors import (
    Conflict,
    ContainerStartFailed,
    DockerUnavailable,
    ErrorCode,
    ImagePullFailed,
    ImageRefNotSemver,
    NotFound,
    SemverPatchOnly,
)
from rtmanager.domain.operation import Outcome
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import unavailable
from tests.unit.domain.world import BROKEN, GAME, IMAGE, LAST_WORDS, OTHER, PATCHED, POLICY, World

SILENT = "galaxy/game:1.4.10"
CRASHES_SOON = "galaxy/game:1.4.11"


@pytest.fixture
def unhealthy_world(world: World) -> World:
    """Return a world with an image that never answers and one that soon crashes."""
    world.image(SILENT, healthy_after=None)
    world.image(CRASHES_SOON, exits_after=1.0, exit_code=9, output=("out of cards",))
    return world


async def test_patch_changes_image_and_container_only(running: World) -> None:
    """Endpoint, state path and created_at do not change."""
    before = running.record

    record = await running.manager.patch()

    assert before is not None
    assert record.current_image_ref == PATCHED
    assert running.engine.image is running.docker.find_image(PATCHED)
    assert record.current_container_id != before.current_container_id
    assert record.engine_endpoint == before.engine_endpoint
    assert record.state_path == before.state_path
    assert record.created_at == before.created_at
    assert running.faults() == []


@pytest.mark.parametrize("image", ["galaxy/game:1.4.2", "galaxy/game:v1.4.8"])
async def test_patch_goes_to_any_patch_level(running: World, image: str) -> None:
    """A lower level is allowed, as a downgrade, and so is a leading v."""
    running.image(image)

    record = await running.manager.patch(image)

    assert record.current_image_ref == image


@pytest.mark.parametrize(
    ("image", "refusal", "code"),
    [
        (OTHER, SemverPatchOnly, ErrorCode.SEMVER_PATCH_ONLY),
        ("galaxy/game:2.4.7", SemverPatchOnly, ErrorCode.SEMVER_PATCH_ONLY),
        ("galaxy/game:1.4", ImageRefNotSemver, ErrorCode.IMAGE_REF_NOT_SEMVER),
        ("galaxy/game:latest", ImageRefNotSemver, ErrorCode.IMAGE_REF_NOT_SEMVER),
        ("galaxy/game", ImageRefNotSemver, ErrorCode.IMAGE_REF_NOT_SEMVER),
        (f"galaxy/game@sha256:{'a' * 64}", ImageRefNotSemver, ErrorCode.IMAGE_REF_NOT_SEMVER),
        ("not a reference", ImageRefNotSemver, ErrorCode.IMAGE_REF_NOT_SEMVER),
    ],
)
async def test_patch_outside_the_rule_is_refused_before_any_docker_work(
    running: World, image: str, refusal: type[Exception], code: ErrorCode
) -> None:
    """Another release line is refused with a row, and the engine is untouched."""
    before, starts = running.record, list(running.docker.starts)

    with pytest.raises(refusal):
        await running.manager.patch(image)

    assert running.record == before
    assert running.docker.starts == starts
    assert running.docker.pulls == []
    assert running.last.error_code is code


async def test_patch_to_the_running_image_is_a_replay(running: World) -> None:
    """A repeated patch changes nothing but the log."""
    patched = await running.manager.patch()
    starts = list(running.docker.starts)

    assert await running.manager.patch() == patched

    assert running.last.error_code is ErrorCode.REPLAY_NO_OP
    assert running.docker.starts == starts


async def test_patch_to_the_same_image_replaces_an_exited_engine(running: World) -> None:
    """A patch is a replay only while the engine really runs."""
    running.docker.crash(running.engine.id)

    await running.manager.patch(IMAGE)

    assert running.last.details["found"] == "container_exited"
    assert running.faults() == []


async def test_patch_of_a_stopped_game_runs_it(stopped: World) -> None:
    """A stopped game may be patched and runs afterwards."""
    record = await stopped.manager.patch()

    assert record.status is RuntimeStatus.RUNNING
    assert record.current_image_ref == PATCHED
    assert stopped.faults() == []


async def test_patch_of_a_removed_game_is_a_conflict(removed: World) -> None:
    """Without a container there is nothing to patch."""
    with pytest.raises(Conflict, match="start the game with an image"):
        await removed.manager.patch()


async def test_patch_of_a_game_never_started_is_not_found(world: World) -> None:
    """A game that was never started is not found."""
    with pytest.raises(NotFound):
        await world.manager.patch()


async def test_patch_pulls_before_the_old_engine_is_stopped(running: World) -> None:
    """The old engine serves while the new image is pulled."""
    running.docker.remove_image(PATCHED)
    running.docker.add_image(PATCHED, in_registry=True)
    running.manager.calls.clear()

    await running.manager.patch()

    calls = running.manager.calls
    assert calls.index("host.pull:done") < calls.index("host.stop")


async def test_trap_pull_error(running: World) -> None:
    """An image that cannot be pulled is image_pull_failed, and the engine keeps running."""
    before, starts = running.record, list(running.docker.starts)
    running.docker.registry_fault = "connection refused"

    with pytest.raises(ImagePullFailed, match="the registry cannot be reached"):
        await running.manager.patch("galaxy/game:1.4.20")

    assert running.record == before
    assert running.docker.starts == starts
    assert running.last.error_code is ErrorCode.IMAGE_PULL_FAILED
    assert running.faults() == []


async def test_patch_that_never_answers_is_rolled_back(unhealthy_world: World) -> None:
    """When the gate's time is up the old engine runs again, and the message says so."""
    world = unhealthy_world
    await world.manager.start()
    before, began = world.record, world.clock.monotonic()

    with pytest.raises(ContainerStartFailed, match=r"within 30 s.*; galaxy/game:1\.4\.7 runs"):
        await world.manager.patch(SILENT)

    assert world.record == before
    assert world.engine.id == (before and before.current_container_id)
    assert world.clock.monotonic() - began == pytest.approx(30, abs=1)
    assert world.last.outcome is Outcome.FAILURE
    assert world.faults() == []


async def test_patch_that_exits_is_rolled_back_with_its_output(running: World) -> None:
    """The row has the failed engine's exit code and last lines, and its container is gone."""
    with pytest.raises(ContainerStartFailed, match=LAST_WORDS):
        await running.manager.patch(BROKEN)

    assert running.last.details["exit_code"] == 3
    assert running.last.details["log_tail"] == [LAST_WORDS]
    assert running.faults() == []


async def test_trap_crash_loop_seen_between_restarts(unhealthy_world: World) -> None:
    """An engine that answers once and then exits fails the gate."""
    world = unhealthy_world
    await world.manager.start()

    with pytest.raises(ContainerStartFailed, match="exited with code 9"):
        await world.manager.patch(CRASHES_SOON)

    assert world.record is not None
    assert world.record.current_image_ref == IMAGE
    assert world.faults() == []


async def test_trap_gate_does_not_block_a_fix(unhealthy_world: World) -> None:
    """An engine that was unhealthy before is patched without the gate."""
    world = unhealthy_world
    await world.manager.start(SILENT)

    record = await world.manager.patch("galaxy/game:1.4.7")

    assert record.current_image_ref == IMAGE
    assert world.last.predecessor is not None
    assert not world.last.predecessor.healthy


async def test_patch_of_an_unhealthy_engine_to_an_unhealthy_one_stays(
    unhealthy_world: World,
) -> None:
    """Without the gate the new engine only has to run."""
    world = unhealthy_world
    world.image("galaxy/game:1.4.13", healthy_after=None)
    await world.manager.start(SILENT)

    record = await world.manager.patch("galaxy/game:1.4.13")

    assert record.current_image_ref == "galaxy/game:1.4.13"
    assert world.last.details["healthy"] is False


async def test_patch_gate_of_zero_accepts_a_silent_engine() -> None:
    """With the gate off a running engine is enough."""
    world = World(policy=replace(POLICY, patch_gate_timeout=0))
    world.image(SILENT, healthy_after=None)
    await world.manager.start()

    record = await world.manager.patch(SILENT)

    assert record.current_image_ref == SILENT


async def test_patch_records_how_long_the_endpoint_was_down(running: World) -> None:
    """Downtime lasts from before the old engine's stop to the new one's first answer."""
    running.image(PATCHED, healthy_after=3.0)

    await running.manager.patch()

    assert running.last.details["downtime_ms"] == pytest.approx(3000, abs=300)


async def test_failed_patch_records_how_long_the_endpoint_was_down(unhealthy_world: World) -> None:
    """Downtime includes the time that the new engine was given."""
    await unhealthy_world.manager.start()

    with pytest.raises(ContainerStartFailed):
        await unhealthy_world.manager.patch(SILENT)

    assert unhealthy_world.last.details["downtime_ms"] == pytest.approx(30_000, abs=1_000)


async def test_trap_rollback_checks_target_first(running: World) -> None:
    """The parked predecessor keeps its id until the patch's outcome is committed."""
    old = running.engine.id
    seen = []

    async def check() -> None:
        seen.append(running.docker.containers[old].name)

    running.manager.on("store.finish", check)
    await running.manager.patch()

    assert seen == [parked_name(GAME, running.last.id)]
    assert old not in running.docker.containers


async def test_patch_whose_rollback_cannot_revive_the_old_engine_says_so(running: World) -> None:
    """If the old engine does not start again, record and message say stopped."""

    async def network_goes() -> None:
        running.docker.networks.clear()

    running.manager.on("host.logs:done", network_goes)

    with pytest.raises(ContainerStartFailed, match="the game is stopped now"):
        await running.manager.patch(BROKEN)

    assert running.record is not None
    assert running.record.status is RuntimeStatus.STOPPED
    assert running.faults() == []


async def test_trap_restart_during_rollback_no_double(running: World) -> None:
    """A restart during a rollback waits, so that two engines never run."""
    restarts = []

    async def restart() -> None:
        restarts.append(asyncio.create_task(running.process().restart()))

    running.manager.on("host.logs", restart)
    with pytest.raises(ContainerStartFailed):
        await running.manager.patch(BROKEN)
    (restarted,) = await asyncio.gather(*restarts)

    assert restarted == running.record
    assert restarted.current_image_ref == IMAGE
    assert running.faults() == []


async def test_patch_with_docker_lost_in_the_gate_stays_open(running: World) -> None:
    """Without Docker the gate neither passes nor fails, and the operation is resumed later."""
    before = running.record
    running.manager.on("host.start:done", running.docker_leaves)

    with pytest.raises(DockerUnavailable):
        await running.manager.patch()

    assert running.last.outcome is None
    assert running.record == before

    running.docker.reachable = True
    assert (await running.manager.patch()).current_image_ref == PATCHED
    assert running.faults() == []


async def test_patch_survives_one_failed_observation_in_the_gate(running: World) -> None:
    """One failed observation during the gate does not fail the patch."""
    running.image(PATCHED, healthy_after=1.0)

    async def then_fail() -> None:
        running.manager.on("host.inspect", unavailable())

    async def then_ask() -> None:
        running.manager.on("probe.check:done", then_fail)

    running.manager.on("host.start:done", then_ask)

    record = await running.manager.patch()

    assert record.current_image_ref == PATCHED
    assert running.faults() == []
