import asyncio
import logging
from collections.abc import Callable

import pytest

from rtmanager.domain.container import container_name, parked_name
from rtmanager.domain.errors import (
    Conflict,
    DockerUnavailable,
    ErrorCode,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import OpSource, Outcome
from rtmanager.domain.ports.container_engine import EngineRefused
from rtmanager.domain.ports.game_lease import LeaseBusy, LeaseLost
from rtmanager.domain.ports.operation_journal import JobAlreadyRecorded, OperationSuperseded
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import refusal, unavailable
from tests.unit.domain.lifecycle.scenarios import SCENARIOS, Scenario, attempt, by_name
from tests.unit.domain.world import BROKEN, GAME, LAST_WORDS, OTHER, Hang, Killed, World

MUTATIONS = {f"engine.{call}" for call in ("create", "start", "stop", "rename", "remove")}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
async def test_intent_comes_before_the_first_effect(scenario: Scenario) -> None:
    """When Docker is first changed the operation's row is there, open, and the lease is held."""
    world = await scenario.world()
    seen = []

    async def look() -> None:
        seen.append((world.last.outcome, GAME in world.grants))

    for call in MUTATIONS:
        world.manager.on(call, look, always=True)
    await attempt(scenario.request, world.manager)

    assert seen[0] == (None, True)
    assert world.last.outcome is not None
    assert GAME not in world.grants


async def test_outcome_comes_before_the_predecessor_is_removed(running: World) -> None:
    """Until the outcome is committed the parked container is there to come back."""
    await running.manager.restart()

    calls = running.manager.calls
    assert calls.index("store.finish:done", calls.index("engine.rename")) < calls.index(
        "engine.remove"
    )


async def test_predecessor_is_parked_while_the_new_one_starts(running: World) -> None:
    """The old container waits under its parked name, stopped, with the operation's fence."""
    seen: list[set[str]] = []

    async def look() -> None:
        seen.append(set(running.containers))

    running.manager.on("engine.start", look)
    await running.manager.restart()

    assert seen == [{container_name(GAME), parked_name(GAME, running.last.id)}]


async def test_failed_replacement_gives_id_name_and_life_back(running: World) -> None:
    """After a failed patch the old container is what it was, and the row tells why it failed."""
    before, old = running.record, running.engine.id

    error = await attempt(lambda process: process.patch(BROKEN), running.manager)

    assert LAST_WORDS in str(error)
    assert running.record == before
    assert (running.engine.id, running.engine.is_running) == (old, True)
    assert running.last.details["exit_code"] == 3
    assert [step.name for step in running.last.steps][-3:] == [
        "remove_new_container",
        "start_predecessor",
        "unpark_predecessor",
    ]


async def test_trap_start_500_but_running(world: World) -> None:
    """Docker refuses a start that it has done: a look shows the engine running, all is well."""
    world.manager.on("engine.start:done", refusal())

    record = await world.manager.start()

    assert record.status is RuntimeStatus.RUNNING
    assert world.last.outcome is Outcome.SUCCESS
    assert world.faults() == []


async def test_create_whose_reply_was_lost_is_found(world: World) -> None:
    """A container that was created although the call failed is used, not doubled."""
    world.manager.on("engine.create:done", unavailable())

    await world.manager.start()

    assert len(world.docker.containers) == 1
    assert world.last.outcome is Outcome.SUCCESS


@pytest.mark.parametrize("call", ["stop", "rename", "create", "start"])
@pytest.mark.parametrize("fault", [unavailable, refusal])
async def test_lost_reply_of_an_effect_is_no_failure(
    running: World, call: str, fault: Callable[[], RuntimeManagerError]
) -> None:
    """What was done although the call failed is found done, and the operation goes on."""
    running.manager.on(f"engine.{call}:done", fault())

    await running.manager.restart()

    assert running.last.outcome is Outcome.SUCCESS
    assert running.faults() == []


async def test_failed_replacement_does_not_start_what_did_not_run(running: World) -> None:
    """An engine that had exited before the failed restart is not started by its undo."""
    running.docker.crash(running.engine.id)
    old = running.engine.id
    starts = running.docker.starts.count(old)

    await attempt(lambda process: process.patch(BROKEN), running.manager)

    assert running.docker.starts.count(old) == starts
    assert running.record is not None
    assert running.record.status is RuntimeStatus.STOPPED
    assert running.faults() == []


async def test_trap_dead_container_blocks_name(world: World) -> None:
    """A leftover of ours that owns the name is removed by the next start."""
    labels = {
        "com.galaxy.owner": "rtmanager",
        "com.galaxy.kind": "game-engine",
        "com.galaxy.game_id": GAME,
    }
    leftover = world.docker.add_foreign(container_name(GAME), labels=labels)

    await world.manager.start()

    assert leftover.id not in world.docker.containers
    assert world.faults() == []


async def test_trap_dead_container_blocks_name_of_a_stranger(world: World) -> None:
    """A foreign container that owns the name is a conflict, and stays untouched."""
    foreign = world.docker.add_foreign(container_name(GAME), running=True)

    with pytest.raises(Conflict, match="which this service did not make"):
        await world.manager.start()

    assert world.docker.containers == {foreign.id: foreign}
    assert foreign.is_running
    assert world.record is None
    assert world.last.error_code is ErrorCode.CONFLICT


async def test_trap_reply_lost_retry(world: World) -> None:
    """A caller that leaves in the middle of a start finds it done when it asks again."""
    hang = Hang()
    world.manager.on("engine.create", hang)
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
    """Equal starts at once end in one container, and in nothing but the record or a busy lease."""
    starts = [world.manager.start() for _ in range(100)]

    answers = await asyncio.gather(*starts, return_exceptions=True)

    assert all(answer == world.record or isinstance(answer, LeaseBusy) for answer in answers)
    assert len(world.docker.starts) == 1
    assert len(world.operations) == 100
    assert world.faults() == []


async def test_a_hundred_equal_starts_on_two_processes_make_one_container(world: World) -> None:
    """The lease serialises processes as it does callers."""
    managers = [world.manager, world.process()]

    answers = await asyncio.gather(
        *(managers[n % 2].start() for n in range(100)), return_exceptions=True
    )

    assert all(answer == world.record or isinstance(answer, LeaseBusy) for answer in answers)
    assert len(world.docker.starts) == 1
    assert world.faults() == []


async def test_a_busy_game_is_a_conflict_after_the_wait(running: World) -> None:
    """A request waits for the lease as long as the policy says, then is refused, with a row."""
    hang = Hang()
    running.manager.on("engine.stop", hang)
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
    """One game's operation waits for Docker; another game starts meanwhile."""
    hang = Hang()
    running.manager.on("engine.stop", hang)
    stopping = asyncio.create_task(running.manager.stop())
    await hang.reached.wait()

    record = await running.manager.start(game=GameId("g2"))

    assert record.status is RuntimeStatus.RUNNING
    assert not stopping.done()
    hang.release()
    await stopping


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
async def test_trap_accepted_then_lost(scenario: Scenario) -> None:
    """Every request, refused or done or failed, ends in one row with an outcome."""
    world = await scenario.world()
    before = len(world.operations)

    await attempt(scenario.request, world.manager)

    (row,) = world.operations[before:]
    assert row.outcome is not None
    assert row.finished_at is not None


async def test_request_on_an_unsettled_game_is_refused_while_docker_is_away(running: World) -> None:
    """It has its own row, says what it waits for, and the open operation stays open."""
    running.manager.on("engine.stop", running.docker_leaves)
    await attempt(lambda process: process.stop(), running.manager)

    with pytest.raises(DockerUnavailable, match="still to be settled"):
        await running.manager.restart()

    assert [row.outcome for row in running.operations] == [
        Outcome.SUCCESS,
        None,
        Outcome.FAILURE,
    ]
    assert running.last.error_code is ErrorCode.DOCKER_UNAVAILABLE


async def test_lost_lease_stops_the_operation_at_its_next_step(running: World) -> None:
    """Once the lease is lost Docker is not changed any more, and the operation stays open."""
    running.manager.calls.clear()
    running.manager.on("engine.stop:done", running.lease_expires)

    with pytest.raises(LeaseLost):
        await running.manager.restart()

    calls = running.manager.calls
    after = calls[calls.index("engine.stop:done") + 1 :]
    assert not MUTATIONS & set(after)
    assert running.last.outcome is None


async def test_lost_lease_in_the_undo_leaves_the_operation_open(running: World) -> None:
    """Whoever holds the lease next settles it: the old engine runs again."""
    running.manager.on("engine.logs", running.lease_expires)

    with pytest.raises(LeaseLost, match="stays open"):
        await running.manager.patch(BROKEN)

    assert running.last.outcome is None
    await running.process().start()
    assert running.faults() == []


async def test_superseded_operation_does_not_touch_the_record(running: World) -> None:
    """An operation that was settled by another process cannot write its outcome any more."""
    second = running.process()
    kept = []

    async def second_process_restarts() -> None:
        await running.lease_expires()
        kept.append(await second.restart())

    running.manager.on("store.finish", second_process_restarts)

    with pytest.raises(OperationSuperseded):
        await running.manager.stop()

    assert [running.record] == kept
    assert running.faults() == []


async def test_lease_store_away_is_service_unavailable(running: World) -> None:
    """Without a lease nothing is done."""
    before = running.record
    running.manager.on("lease.acquire", ServiceUnavailable("redis: connection refused"))

    with pytest.raises(ServiceUnavailable, match="redis"):
        await running.manager.stop()

    assert running.record == before


async def test_a_bug_in_an_adapter_is_undone_and_answered_without_internals(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is internal_error, its words are in the log and not in the answer."""
    before = running.record
    running.manager.on("engine.create", ZeroDivisionError("secret"))

    error = await attempt(lambda process: process.restart(), running.manager)

    assert "secret" not in str(error)
    assert "secret" in caplog.text
    assert running.last.error_code is ErrorCode.INTERNAL_ERROR
    assert running.record == before
    assert running.faults() == []


async def test_leftover_that_resists_does_not_fail_the_operation(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The outcome is committed: what cannot be removed is the reconciler's, with a warning."""
    running.manager.on("engine.remove", refusal())

    record = await running.manager.restart()

    assert record == running.record
    assert "leftover not removed" in caplog.text
    assert running.faults(parked_may_stay=True) == []


async def test_settled_leftover_that_resists_does_not_fail_the_next_request(
    running: World,
) -> None:
    """Once an operation is settled a leftover that cannot be removed holds nobody up."""
    running.manager.on("store.finish", Killed())
    await attempt(lambda process: process.restart(), running.manager)
    running.manager.leases.abandon()
    running.after_the_lease()
    second = running.process()
    second.on("engine.remove", refusal())

    record = await second.stop()

    assert record.status is RuntimeStatus.STOPPED
    assert running.faults(parked_may_stay=True) == []


async def test_every_operation_writes_one_log_line(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The line names game, operation, source, duration and outcome."""
    with caplog.at_level(logging.INFO, "rtmanager"):
        await attempt(lambda process: process.start(OTHER), running.manager)

    (line,) = [each for each in caplog.records if each.message == "operation"]
    facts = vars(line)
    assert (facts["game_id"], facts["kind"], facts["source"]) == (GAME, "start", "gm_rest")
    assert (facts["outcome"], facts["error_code"]) == ("failure", "conflict")
    assert facts["duration_ms"] == 0.0


async def test_log_line_of_an_operation_that_went_well_says_success(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The line names the operation and its outcome."""
    with caplog.at_level(logging.INFO, "rtmanager"):
        await world.manager.start()

    (line,) = [each for each in caplog.records if each.message == "operation"]
    assert (vars(line)["operation_id"], vars(line)["outcome"]) == (world.last.id, "success")


async def test_record_that_changed_since_the_look_is_not_judged(running: World) -> None:
    """The rule must see the record that was looked at: else another has acted, nothing begins."""
    before = running.record
    assert before is not None

    async def another_process_acts() -> None:
        stopped = before.stopped(fence=before.fence, at=running.clock.now())
        running.store.runtime_records[GAME] = stopped

    running.manager.on("store.begin", another_process_acts)

    with pytest.raises(LeaseLost):
        await running.manager.start()

    assert len(running.operations) == 1
    assert running.docker.starts == [before.current_container_id]


async def test_log_line_of_a_cut_operation_does_not_say_success(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An operation that shutdown cut off has no outcome, and its line claims none."""
    hang = Hang()
    running.manager.on("engine.stop", hang)
    stopping = asyncio.create_task(running.manager.stop())
    await hang.reached.wait()

    with caplog.at_level(logging.INFO, "rtmanager"):
        assert await running.manager.cases.protocol.in_flight.drain(0) == 1
    await asyncio.gather(stopping, return_exceptions=True)

    (line,) = [each for each in caplog.records if each.message == "operation"]
    assert vars(line).get("outcome") != "success"
    assert running.last.outcome is None
    await running.manager.stop()
    assert running.faults() == []


async def test_job_that_is_delivered_again_is_not_done_again(world: World) -> None:
    """The entry id of a job is unique in the operation log."""
    world.source = OpSource.LOBBY_STREAM
    origin = world.origin()
    await world.manager.cases.start.run(GAME, "galaxy/game:1.4.7", origin)
    told = len(world.store.outbox)

    with pytest.raises(JobAlreadyRecorded):
        await world.manager.cases.start.run(GAME, "galaxy/game:1.4.7", origin)

    assert len(world.operations) == 1
    assert len(world.store.outbox) == told


async def test_refused_call_keeps_the_engines_words_in_the_log(running: World) -> None:
    """When Docker refuses without an effect, the row and the step hold its own words."""
    running.manager.on("engine.stop", refusal())

    with pytest.raises(EngineRefused, match="500 Server Error"):
        await running.manager.stop()

    assert running.last.steps[0].error == "500 Server Error"
    assert running.record is not None
    assert running.record.status is RuntimeStatus.RUNNING
    assert running.faults() == []
