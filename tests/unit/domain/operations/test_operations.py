"""The entry point of every operation: who waits, what is refused, what is logged."""

import asyncio
import logging

import pytest

from rtmanager.domain.errors import (
    DockerUnavailable,
    ErrorCode,
    ServiceUnavailable,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import (
    OperationKind,
    OperationRequest,
    OpSource,
    Outcome,
)
from rtmanager.domain.ports.game_lease import LeaseBusy, LeaseLost
from rtmanager.domain.ports.operation_journal import JobAlreadyRecorded
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.operations.scenarios import SCENARIOS, Scenario, attempt, by_name
from tests.unit.domain.world import (
    GAME,
    IMAGE,
    OTHER,
    Hang,
    World,
)


async def test_trap_reply_lost_retry(world: World) -> None:
    """A caller that leaves during a start finds it done when it asks again."""
    hang = Hang()
    world.manager.on("host.create", hang)
    caller = asyncio.create_task(world.manager.start())
    await hang.reached.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    hang.release()

    record = await world.manager.start()

    assert record == world.record
    assert [row.error_code for row in world.operations] == [None, ErrorCode.REPLAY_NO_OP]
    assert len(world.docker.starts) == 1
    assert world.faults() == []


async def test_a_hundred_equal_starts_make_one_container(world: World) -> None:
    """Each of the starts gets the record or a busy lease."""
    starts = [world.manager.start() for _ in range(100)]

    answers = await asyncio.gather(*starts, return_exceptions=True)

    assert all(answer == world.record or isinstance(answer, LeaseBusy) for answer in answers)
    assert len(world.docker.starts) == 1
    assert len(world.operations) == 100
    assert world.faults() == []


async def test_a_hundred_equal_starts_on_two_processes_make_one_container(world: World) -> None:
    """The lease serialises processes as well as callers."""
    managers = [world.manager, world.process()]

    answers = await asyncio.gather(
        *(managers[n % 2].start() for n in range(100)), return_exceptions=True
    )

    assert all(answer == world.record or isinstance(answer, LeaseBusy) for answer in answers)
    assert len(world.docker.starts) == 1
    assert world.faults() == []


async def test_a_busy_game_is_a_conflict_after_the_wait(running: World) -> None:
    """A request that does not get the lease in time is refused and logged."""
    hang = Hang()
    running.manager.on("host.stop", hang)
    stopping = asyncio.create_task(running.manager.stop())
    await hang.reached.wait()
    began = running.clock.monotonic()

    with pytest.raises(LeaseBusy):
        await running.process().restart()

    assert running.clock.monotonic() - began == pytest.approx(5.0)
    assert running.last.error_code is ErrorCode.CONFLICT
    hang.release()
    await stopping
    assert running.faults() == []


async def test_a_hanging_stop_does_not_hold_other_games_up(running: World) -> None:
    """While one game's operation waits for Docker, another game starts."""
    hang = Hang()
    running.manager.on("host.stop", hang)
    stopping = asyncio.create_task(running.manager.stop())
    await hang.reached.wait()

    record = await running.manager.start(game=GameId("g2"))

    assert record.status is RuntimeStatus.RUNNING
    assert not stopping.done()
    hang.release()
    await stopping


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
async def test_trap_accepted_then_lost(scenario: Scenario) -> None:
    """Every request, whether refused, done or failed, ends in one row with an outcome."""
    world = await scenario.world()
    before = len(world.operations)

    await attempt(scenario.request, world.manager)

    (row,) = world.operations[before:]
    assert row.outcome is not None
    assert row.finished_at is not None


async def test_request_on_an_open_game_is_refused_while_docker_is_away(running: World) -> None:
    """It has its own row that names the open operation, which stays open."""
    running.manager.on("host.stop", running.docker_leaves)
    await attempt(lambda process: process.stop(), running.manager)

    with pytest.raises(DockerUnavailable, match="operation 2 stays open"):
        await running.manager.restart()

    assert [row.outcome for row in running.operations] == [
        Outcome.SUCCESS,
        None,
        Outcome.FAILURE,
    ]
    assert running.last.error_code is ErrorCode.DOCKER_UNAVAILABLE


async def test_lease_store_away_is_service_unavailable(running: World) -> None:
    """Without a lease nothing is done, and the refusal is logged."""
    before = running.record
    running.manager.on("lease.acquire", ServiceUnavailable("redis: connection refused"))

    with pytest.raises(ServiceUnavailable, match="redis"):
        await running.manager.stop()

    assert running.record == before
    assert (running.last.kind, running.last.outcome) == (OperationKind.STOP, Outcome.FAILURE)
    assert running.last.error_code is ErrorCode.SERVICE_UNAVAILABLE


async def test_every_operation_writes_one_log_line(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The line has game, operation, source, duration and outcome."""
    with caplog.at_level(logging.INFO, "rtmanager"):
        await attempt(lambda process: process.start(OTHER), running.manager)

    (line,) = [each for each in caplog.records if each.message == "operation_finished"]
    facts = vars(line)
    assert (facts["game_id"], facts["kind"], facts["source"]) == (GAME, "start", "gm_rest")
    assert (facts["outcome"], facts["error_code"]) == ("failure", "conflict")
    assert facts["duration_ms"] == 0.0


async def test_log_line_of_an_operation_that_went_well_says_success(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The line has the operation and its outcome."""
    with caplog.at_level(logging.INFO, "rtmanager"):
        await world.manager.start()

    (line,) = [each for each in caplog.records if each.message == "operation_finished"]
    assert (vars(line)["operation_id"], vars(line)["outcome"]) == (world.last.id, "success")


async def test_record_that_changed_since_the_observation_is_not_judged(running: World) -> None:
    """When another process has changed the record since, nothing begins."""
    before = running.record
    assert before is not None

    async def another_process_acts() -> None:
        now = running.clock.now()
        stopped = before.stopped(fence=before.fence, at=now, stopped_at=now)
        running.store.runtime_records[GAME] = stopped

    running.manager.on("store.begin", another_process_acts)

    with pytest.raises(LeaseLost):
        await running.manager.start()

    assert len(running.operations) == 1
    assert running.docker.starts == [before.current_container_id]


async def test_log_line_of_a_cut_operation_does_not_say_success(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An operation that a shutdown cut off is logged without an outcome."""
    hang = Hang()
    running.manager.on("host.stop", hang)
    stopping = asyncio.create_task(running.manager.stop())
    await hang.reached.wait()

    with caplog.at_level(logging.INFO, "rtmanager"):
        assert await running.manager.cases.operations.in_flight.drain(0) == 1
    await asyncio.gather(stopping, return_exceptions=True)

    (line,) = [each for each in caplog.records if each.message == "operation_finished"]
    assert vars(line).get("outcome") != "success"
    assert running.last.outcome is None
    await running.manager.stop()
    assert running.faults() == []


async def test_job_that_is_delivered_again_is_not_done_again(world: World) -> None:
    """A job's entry id is unique in the operation log."""
    world.source = OpSource.LOBBY_STREAM
    request = OperationRequest(
        game_id=GAME, kind=OperationKind.START, origin=world.origin(), image_ref=IMAGE
    )
    await world.manager.cases.operations.run(request)
    sent = len(world.store.outbox)

    with pytest.raises(JobAlreadyRecorded):
        await world.manager.cases.operations.run(request)

    assert len(world.operations) == 1
    assert len(world.store.outbox) == sent
