import pytest

from rtmanager.domain.errors import DockerUnavailable, ErrorCode, NotFound
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.operation import (
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
    Outcome,
    StopReason,
)
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import unavailable
from tests.unit.domain.operations.scenarios import killed_at
from tests.unit.domain.watch import Watch
from tests.unit.domain.world import GAME, Process, World


async def test_stop_keeps_the_container_and_what_it_ran(running: World) -> None:
    """A stopped game keeps its container, its image and its endpoint."""
    before = running.record
    running.clock.advance(60)

    record = await running.manager.stop()

    assert before is not None
    assert record.status is RuntimeStatus.STOPPED
    assert record.stopped_at == record.last_op_at == running.clock.now()
    assert record.current_container_id == before.current_container_id
    assert record.engine_endpoint == before.engine_endpoint
    assert running.faults() == []


async def test_stop_is_in_the_operation_log_with_its_reason(running: World) -> None:
    """The row of a stop has its reason and how the engine ended."""
    request = OperationRequest(
        game_id=GAME,
        kind=OperationKind.STOP,
        origin=Origin(OpSource.ADMIN_REST, "abc"),
        reason=StopReason.TIMEOUT,
    )
    await running.manager.cases.operations.run(request)

    row = running.last
    assert (row.kind, row.outcome) == (OperationKind.STOP, Outcome.SUCCESS)
    assert row.request.reason is StopReason.TIMEOUT
    assert row.request.origin == Origin(OpSource.ADMIN_REST, "abc")
    assert [step.action.name for step in row.steps] == ["stop"]
    assert row.details["found"] == "exit code 143"


@pytest.mark.parametrize("cleaned_up", [False, True], ids=["stopped", "removed"])
async def test_stop_of_a_game_that_does_not_run_is_a_replay(
    stopped: World, *, cleaned_up: bool
) -> None:
    """Stopping a stopped or removed game changes nothing but the log and does not call Docker."""
    world = stopped
    if cleaned_up:
        await world.manager.cleanup()
    before = world.record
    world.manager.calls.clear()

    assert await world.manager.stop() == before

    assert (world.last.outcome, world.last.error_code) == (Outcome.SUCCESS, ErrorCode.REPLAY_NO_OP)
    assert not [call for call in world.manager.calls if call.startswith("host.")]


async def test_stop_of_an_exited_engine_succeeds(running: World) -> None:
    """The record becomes stopped when the engine had already exited."""
    running.docker.crash(running.engine.id)

    record = await running.manager.stop()

    assert record.status is RuntimeStatus.STOPPED
    assert running.last.error_code is None
    assert running.faults() == []


async def test_stop_of_a_vanished_engine_succeeds_as_removed(running: World) -> None:
    """The record becomes removed when the container is gone."""
    running.docker.vanish(running.engine.id)

    record = await running.manager.stop()

    assert record.status is RuntimeStatus.REMOVED
    assert record.current_container_id is None
    assert record.current_image_ref is None
    assert record.engine_endpoint is None
    assert running.last.outcome is Outcome.SUCCESS
    assert running.faults() == []


async def test_stop_of_a_game_never_started_is_not_found(world: World) -> None:
    """The refusal is in the log."""
    with pytest.raises(NotFound):
        await world.manager.stop()

    assert world.last.error_code is ErrorCode.NOT_FOUND
    assert world.record is None


async def test_stop_with_docker_away_is_refused_before_it_begins(running: World) -> None:
    """Without Docker a stop is refused at once and leaves nothing open."""
    before = running.record
    running.docker.reachable = False

    with pytest.raises(DockerUnavailable):
        await running.manager.stop()

    assert running.record == before
    assert running.last.outcome is Outcome.FAILURE
    assert "host.stop" not in running.manager.calls


async def test_stop_that_loses_docker_stays_open_until_it_is_back(running: World) -> None:
    """The record does not change until Docker can be asked again and the stop is resumed."""
    before = running.record
    running.manager.on("host.stop", running.docker_leaves)

    with pytest.raises(DockerUnavailable, match="stays open and is resumed automatically"):
        await running.manager.stop()

    assert running.record == before
    assert running.last.outcome is None

    running.docker.reachable = True
    assert (await running.manager.stop()).status is RuntimeStatus.STOPPED
    assert running.faults() == []


async def test_trap_stop_hangs(running: World) -> None:
    """A stop that hangs until its deadline is docker_unavailable, and a retry resumes it."""
    before = running.record
    running.manager.on("host.stop", unavailable())

    with pytest.raises(DockerUnavailable, match="operation 2 stays open"):
        await running.manager.stop()

    assert running.record == before
    assert running.last.outcome is None
    assert GAME not in running.grants
    assert (await running.manager.stop()).status is RuntimeStatus.STOPPED
    assert [each.outcome for each in running.operations] == [Outcome.SUCCESS] * 3
    assert running.faults() == []


async def test_lobby_stop_owes_one_job_result(running: World) -> None:
    """A stop job ends in exactly one result."""
    running.source, sent = OpSource.LOBBY_STREAM, len(running.store.outbox)

    await running.manager.stop()

    (message,) = running.store.outbox[sent:]
    assert message.stream is OutboxStream.JOB_RESULTS
    assert message.fields["op_kind"] == "stop"


@pytest.mark.parametrize("call", ["host.stop:done", "store.finish"])
async def test_stop_that_was_interrupted_reports_no_loss(running: World, call: str) -> None:
    """The engine was asked to exit, whichever process records that."""
    second = await killed_at(running, call, Process.stop)

    await second.resume()
    await Watch(running, second).reconciled()

    assert running.record is not None
    assert running.record.status is RuntimeStatus.STOPPED
    assert running.events == ["container_started"]
