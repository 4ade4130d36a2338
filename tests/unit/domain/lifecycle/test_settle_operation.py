import pytest

from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import OpSource, Outcome
from rtmanager.domain.outbox import OutboxStream
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.lifecycle.scenarios import Request, attempt
from tests.unit.domain.world import BROKEN, GAME, IMAGE, PATCHED, Killed, Process, World


async def killed_at(world: World, call: str, request: Request) -> Process:
    """Kill the first process at this call; return another, after the lease has expired."""
    manager = world.manager

    async def kill() -> None:
        manager.dead = True
        raise Killed

    manager.on(call, kill)
    assert isinstance(await attempt(request, manager), Killed)
    manager.leases.abandon()
    world.after_the_lease()
    return world.process()


async def test_interrupted_start_whose_engine_runs_is_a_success(world: World) -> None:
    """The container with that fence runs: the record is written, the repeat is a replay."""
    second = await killed_at(world, "engine.start:done", Process.start)

    await second.start()

    first, repeat = world.operations
    assert (first.outcome, first.error_code) == (Outcome.SUCCESS, None)
    assert "settled" in first.details
    assert repeat.error_code is ErrorCode.REPLAY_NO_OP
    assert world.record is not None
    assert world.record.fence == first.id
    assert world.record.current_image_ref == IMAGE


async def test_interrupted_start_whose_engine_does_not_run_is_a_failure(world: World) -> None:
    """Otherwise it is internal_error, interrupted, and its leftovers are removed."""
    second = await killed_at(world, "engine.create:done", Process.start)

    await attempt(Process.stop, second)

    first = world.operations[0]
    assert (first.outcome, first.error_code) == (Outcome.FAILURE, ErrorCode.INTERNAL_ERROR)
    assert "interrupted" in (first.error_message or "")
    assert world.docker.containers == {}
    assert world.record is None


@pytest.mark.parametrize(
    ("call", "image"),
    [
        ("engine.stop:done", IMAGE),
        ("engine.rename:done", IMAGE),
        ("engine.create:done", IMAGE),
        ("engine.start:done", PATCHED),
        ("store.finish", PATCHED),
    ],
)
async def test_interrupted_patch_ends_with_one_engine_running(
    running: World, call: str, image: str
) -> None:
    """The old or the new engine runs after an interrupted patch, never none."""
    second = await killed_at(running, call, Process.patch)

    await attempt(Process.cleanup, second)

    assert running.record is not None
    assert running.record.status is RuntimeStatus.RUNNING
    assert running.record.current_image_ref == image
    assert running.engine.is_running
    assert running.faults() == []


async def test_interrupted_patch_that_had_done_nothing_is_a_failure(running: World) -> None:
    """The old engine that still runs is not the one that the patch was to start."""
    second = await killed_at(running, "engine.stop", Process.patch)

    await attempt(Process.cleanup, second)

    assert running.operations[1].error_code is ErrorCode.INTERNAL_ERROR
    assert running.faults() == []


async def test_interrupted_failing_patch_ends_with_the_old_engine_running(running: World) -> None:
    """Killed while it takes the broken engine away, the next request brings the old one back."""
    before = running.record

    async def patch(process: Process) -> object:
        return await process.patch(BROKEN)

    second = await killed_at(running, "engine.remove:done", patch)

    await attempt(Process.cleanup, second)

    assert before is not None
    assert running.engine.id == before.current_container_id
    assert running.faults() == []


async def test_interrupted_stop_that_stopped_is_a_success(running: World) -> None:
    """The engine does not run: the stop did what it was asked for."""
    second = await killed_at(running, "engine.stop:done", Process.stop)

    await second.stop()

    _, first, repeat = running.operations
    assert first.outcome is Outcome.SUCCESS
    assert repeat.error_code is ErrorCode.REPLAY_NO_OP


async def test_interrupted_stop_that_did_not_stop_is_a_failure(running: World) -> None:
    """The engine runs: the stop failed, the record stays, the repeat stops."""
    second = await killed_at(running, "engine.stop", Process.stop)

    record = await second.stop()

    _, first, repeat = running.operations
    assert first.error_code is ErrorCode.INTERNAL_ERROR
    assert repeat.error_code is None
    assert record.status is RuntimeStatus.STOPPED


async def test_interrupted_cleanup_that_removed_is_a_success(stopped: World) -> None:
    """The container is gone: the record says removed."""
    second = await killed_at(stopped, "engine.remove:done", Process.cleanup)

    record = await second.cleanup()

    assert record.status is RuntimeStatus.REMOVED
    assert stopped.last.error_code is ErrorCode.REPLAY_NO_OP


async def test_settled_job_owes_its_one_result(world: World) -> None:
    """A start job whose process died gets exactly one result, when it is settled."""
    world.source = OpSource.LOBBY_STREAM
    second = await killed_at(world, "engine.start:done", Process.start)
    world.source = OpSource.GM_REST

    await second.start()

    results = [each for each in world.store.outbox if each.stream is OutboxStream.JOB_RESULTS]
    assert [each.fields["job_id"] for each in results] == ["r1"]
    assert results[0].fields["outcome"] == "success"


async def test_settling_waits_for_the_dead_process_lease(world: World) -> None:
    """While the lease of the dead process lives nobody settles: its work may still be going on."""
    manager = world.manager
    manager.kill_at(len(manager.calls) + 12)
    await attempt(Process.start, manager)
    manager.leases.abandon()

    error = await attempt(Process.start, world.process())

    assert getattr(error, "code", None) is ErrorCode.CONFLICT
    assert [each.outcome for each in world.operations] == [None, Outcome.FAILURE]
    assert GAME in world.grants
