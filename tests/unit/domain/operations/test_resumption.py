"""When a process dies in the middle, the next holder resumes its operation to success."""

import asyncio

import pytest

from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.operation import ActionName, OpSource, Outcome, StepResult
from rtmanager.domain.ports.game_lease import LeaseBusy
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.operations.scenarios import attempt, killed_at
from tests.unit.domain.world import BROKEN, GAME, IMAGE, PATCHED, Hang, Process, World


@pytest.mark.parametrize("call", ["host.create", "host.create:done", "host.start:done"])
async def test_interrupted_start_is_resumed_to_success(world: World, call: str) -> None:
    """Whether or not its engine runs already, the repeated start is a replay."""
    second = await killed_at(world, call, Process.start)

    await second.start()

    first, repeat = world.operations
    assert (first.outcome, first.error_code) == (Outcome.SUCCESS, None)
    assert first.details["lost_processes"] == 1
    assert repeat.error_code is ErrorCode.REPLAY_NO_OP
    assert world.record is not None
    assert world.record.fence == first.id
    assert world.record.current_image_ref == IMAGE
    assert world.faults() == []


async def test_start_in_doubt_is_made_again_so_that_it_hits_nothing(world: World) -> None:
    """A start that may arrive late must find its container gone."""
    second = await killed_at(world, "host.start", Process.start)
    (doubtful,) = world.docker.containers

    await second.start()

    steps = [(each.action.name, each.result) for each in world.operations[0].steps]
    assert (ActionName.START, StepResult.UNKNOWN) in steps
    assert (ActionName.REMOVE, StepResult.DONE) in steps
    assert doubtful not in world.docker.containers
    assert world.faults() == []


@pytest.mark.parametrize(
    "call",
    [
        "store.begin:done",
        "host.rename",
        "host.rename:done",
        "host.stop",
        "host.stop:done",
        "host.create:done",
        "host.start:done",
        "store.finish",
    ],
)
async def test_interrupted_patch_is_resumed_to_success(running: World, call: str) -> None:
    """The new engine runs and has passed its gate, whichever process finished the patch."""
    second = await killed_at(running, call, Process.patch)

    await attempt(Process.cleanup, second)

    assert running.operations[1].outcome is Outcome.SUCCESS
    assert running.record is not None
    assert running.record.status is RuntimeStatus.RUNNING
    assert running.record.current_image_ref == PATCHED
    assert running.engine.is_running
    assert running.faults() == []


async def test_interrupted_failing_patch_ends_with_the_old_engine_running(running: World) -> None:
    """A rollback that was interrupted is finished and keeps its first cause."""
    before = running.record

    async def patch(process: Process) -> object:
        return await process.patch(BROKEN)

    second = await killed_at(running, "host.remove:done", patch)

    await attempt(Process.cleanup, second)

    assert before is not None
    assert running.operations[1].error_code is ErrorCode.CONTAINER_START_FAILED
    assert running.engine.id == before.current_container_id
    assert running.faults() == []


@pytest.mark.parametrize("call", ["host.stop", "host.stop:done"])
async def test_interrupted_stop_is_resumed_to_success(running: World, call: str) -> None:
    """The resumed stop leaves no engine running."""
    second = await killed_at(running, call, Process.stop)

    await second.stop()

    _, first, repeat = running.operations
    assert first.outcome is Outcome.SUCCESS
    assert repeat.error_code is ErrorCode.REPLAY_NO_OP
    assert running.faults() == []


@pytest.mark.parametrize("call", ["host.remove", "host.remove:done"])
async def test_interrupted_cleanup_is_resumed_to_success(stopped: World, call: str) -> None:
    """The container is gone and the record says removed."""
    second = await killed_at(stopped, call, Process.cleanup)

    record = await second.cleanup()

    assert record.status is RuntimeStatus.REMOVED
    assert stopped.last.error_code is ErrorCode.REPLAY_NO_OP


async def test_resumption_is_shared_by_its_callers(running: World) -> None:
    """Callers of one process share one attempt."""
    second = await killed_at(running, "host.stop", Process.patch)

    await asyncio.gather(*(second.resume() for _ in range(5)))

    assert second.calls.count("store.take_over") == 1
    assert running.faults() == []


async def test_request_proceeds_when_the_interrupted_operation_has_ended(running: World) -> None:
    """A request that meets an open operation resumes it, waits, and then runs."""
    second = await killed_at(running, "host.stop", Process.patch)

    record = await second.stop()

    assert [each.outcome for each in running.operations] == [Outcome.SUCCESS] * 3
    assert (record.status, record.current_image_ref) == (RuntimeStatus.STOPPED, PATCHED)


async def test_request_waits_no_longer_than_for_any_other(running: World) -> None:
    """A request that waited its time gets 409, and the resumed operation continues."""
    second = await killed_at(running, "host.start:done", Process.patch)
    hang = Hang()
    second.on("store.finish", hang)

    error = await attempt(Process.stop, second)

    assert isinstance(error, LeaseBusy)
    assert running.last.error_code is ErrorCode.CONFLICT
    hang.release()
    assert await second.shut_down(10) == 0
    assert running.operations[1].outcome is Outcome.SUCCESS
    assert running.faults() == []


async def test_resuming_what_is_not_open_changes_nothing(running: World) -> None:
    """Resuming a game without an open operation does nothing."""
    await running.manager.resume()

    assert len(running.operations) == 1
    assert running.faults() == []


async def test_resumed_job_owes_its_one_result(world: World) -> None:
    """A start job whose process died gets exactly one result, once it was resumed."""
    world.source = OpSource.LOBBY_STREAM
    second = await killed_at(world, "host.start:done", Process.start)
    world.source = OpSource.GM_REST

    await second.start()

    results = [each for each in world.store.outbox if each.stream is OutboxStream.JOB_RESULTS]
    assert [each.fields["job_id"] for each in results] == ["r1"]
    assert results[0].fields["outcome"] == "success"


async def test_resumption_waits_for_the_dead_process_lease(world: World) -> None:
    """While the lease lives nobody resumes, because its holder may still be at work."""
    manager = world.manager
    manager.on("host.create", manager.die)
    await attempt(Process.start, manager)
    manager.lease_connection.abandon()

    error = await attempt(Process.start, world.process())

    assert getattr(error, "code", None) is ErrorCode.CONFLICT
    assert [each.outcome for each in world.operations] == [None, Outcome.FAILURE]
    assert GAME in world.grants
