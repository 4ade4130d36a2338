"""Observe, decide, write ahead, act: through lost replies, refusals and interruptions."""

from collections.abc import Awaitable, Callable

import pytest

from rtmanager.domain.container import container_name, parked_name
from rtmanager.domain.errors import (
    Conflict,
    ErrorCode,
    InternalError,
    RuntimeManagerError,
)
from rtmanager.domain.operation import (
    ActionName,
    Outcome,
    Phase,
)
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import refusal, unavailable
from tests.unit.domain.operations.scenarios import SCENARIOS, Scenario, attempt, by_name
from tests.unit.domain.world import (
    BROKEN,
    GAME,
    INSTALLATION,
    LAST_WORDS,
    Killed,
    World,
)

CALLS = {
    ActionName.CREATE: "host.create",
    ActionName.START: "host.start",
    ActionName.STOP: "host.stop",
    ActionName.REMOVE: "host.remove",
    ActionName.PARK: "host.rename",
    ActionName.UNPARK: "host.rename",
    ActionName.SET_ASIDE: "host.rename",
}
MUTATIONS = set(CALLS.values())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
async def test_intent_comes_before_the_first_effect(scenario: Scenario) -> None:
    """At the first change in Docker the operation is recorded as open and the lease is held."""
    world = await scenario.world()
    seen = []

    async def check() -> None:
        seen.append((world.last.outcome, GAME in world.grants))

    for call in MUTATIONS:
        world.manager.on(call, check, always=True)
    await attempt(scenario.request, world.manager)

    changes_nothing = scenario.name.startswith("stop of")
    assert seen[:1] == ([] if changes_nothing else [(None, True)])
    assert world.last.outcome is not None
    assert GAME not in world.grants


@pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)
async def test_action_is_written_ahead(scenario: Scenario) -> None:
    """At each change in Docker the row has the action, without a result yet."""
    world = await scenario.world()
    ahead: list[tuple[str, bool]] = []

    def check(call: str) -> Callable[[], Awaitable[None]]:
        async def seen() -> None:
            written = [each.action.name for each in world.last.steps[-1:] if each.result is None]
            ahead.append((call, [CALLS.get(each) for each in written] == [call]))

        return seen

    for call in MUTATIONS:
        world.manager.on(call, check(call), always=True)
    await attempt(scenario.request, world.manager)

    leftovers = [call for call, is_ahead in ahead if not is_ahead]
    assert set(leftovers) <= {"host.remove"}
    assert all(step.result is not None for step in world.last.steps)


async def test_outcome_comes_before_the_predecessor_is_removed(running: World) -> None:
    """The parked container is kept for a rollback until the outcome is committed."""
    await running.manager.restart()

    calls = running.manager.calls
    finished = calls.index("store.finish:done", calls.index("host.rename"))
    assert finished < calls.index("host.remove")


async def test_predecessor_is_parked_while_the_new_one_starts(running: World) -> None:
    """The old container waits, stopped, under a parked name with the operation's fence."""
    seen: list[set[str]] = []

    async def check() -> None:
        seen.append(set(running.containers))

    running.manager.on("host.start", check)
    await running.manager.restart()

    assert seen == [{container_name(GAME), parked_name(GAME, running.last.id)}]


async def test_failed_replacement_restores_id_name_and_engine(running: World) -> None:
    """After a failed patch the old container is as before, and the row says why it failed."""
    before, old = running.record, running.engine.id

    error = await attempt(lambda process: process.patch(BROKEN), running.manager)

    assert LAST_WORDS in str(error)
    assert running.record == before
    assert (running.engine.id, running.engine.is_running) == (old, True)
    assert running.last.details["exit_code"] == 3
    back = [each for each in running.last.steps if each.phase is Phase.BACK]
    assert [(each.action.name, each.action.container_id == old) for each in back] == [
        (ActionName.REMOVE, False),
        (ActionName.START, True),
        (ActionName.UNPARK, True),
    ]


async def test_trap_start_500_but_running(world: World) -> None:
    """A refused start that took effect is found by an observation and succeeds."""
    world.manager.on("host.start:done", refusal())

    record = await world.manager.start()

    assert record.status is RuntimeStatus.RUNNING
    assert world.last.outcome is Outcome.SUCCESS
    assert world.faults() == []


async def test_create_whose_reply_was_lost_is_found(world: World) -> None:
    """A container that was created although the call failed is used."""
    world.manager.on("host.create:done", unavailable())

    await world.manager.start()

    assert len(world.docker.containers) == 1
    assert world.last.outcome is Outcome.SUCCESS


@pytest.mark.parametrize("call", ["stop", "rename", "create", "start"])
@pytest.mark.parametrize("fault", [unavailable, refusal])
async def test_lost_reply_of_an_effect_is_no_failure(
    running: World, call: str, fault: Callable[[], RuntimeManagerError]
) -> None:
    """An effect whose reply was lost is observed, and the operation continues."""
    running.manager.on(f"host.{call}:done", fault())

    await running.manager.restart()

    assert running.last.outcome is Outcome.SUCCESS
    assert running.faults() == []


async def test_failed_replacement_does_not_start_what_did_not_run(running: World) -> None:
    """A rollback does not start an engine that had exited before the operation."""
    running.docker.crash(running.engine.id)
    old = running.engine.id
    starts = running.docker.starts.count(old)

    await attempt(lambda process: process.patch(BROKEN), running.manager)

    assert running.docker.starts.count(old) == starts
    assert running.record is not None
    assert running.record.status is RuntimeStatus.STOPPED
    assert running.faults() == []


async def test_trap_dead_container_blocks_name(world: World) -> None:
    """A leftover of ours that has the name is removed by the next start."""
    labels = {
        "com.galaxy.owner": "rtmanager",
        "com.galaxy.kind": "game-engine",
        "com.galaxy.game_id": GAME,
        "com.galaxy.installation": INSTALLATION,
    }
    leftover = world.docker.add_foreign(container_name(GAME), labels=labels)

    await world.manager.start()

    assert leftover.id not in world.docker.containers
    assert world.faults() == []


async def test_trap_dead_container_blocks_name_of_a_stranger(world: World) -> None:
    """A stranger's container that has the name is a conflict and stays untouched."""
    foreign = world.docker.add_foreign(container_name(GAME), running=True)

    with pytest.raises(Conflict, match="which this service did not make"):
        await world.manager.start()

    assert world.docker.containers == {foreign.id: foreign}
    assert foreign.is_running
    assert world.record is None
    assert world.last.error_code is ErrorCode.CONFLICT


async def test_lost_lease_stops_the_operation_at_its_next_step(running: World) -> None:
    """After the lease is lost Docker is not changed any more, and the operation stays open."""
    running.manager.calls.clear()
    running.manager.on("host.stop:done", running.lease_expires)

    with pytest.raises(LeaseLost):
        await running.manager.restart()

    calls = running.manager.calls
    after = calls[calls.index("host.stop:done") + 1 :]
    assert not MUTATIONS & set(after)
    assert running.last.outcome is None


async def test_lost_lease_in_the_rollback_leaves_the_operation_open(running: World) -> None:
    """The next holder finishes the rollback, and the old engine runs again."""
    running.manager.on("host.logs", running.lease_expires)

    with pytest.raises(LeaseLost, match="another process resumes it"):
        await running.manager.patch(BROKEN)

    assert running.last.outcome is None
    await running.process().start()
    assert running.faults() == []


async def test_operation_that_another_has_ended_does_not_touch_the_record(running: World) -> None:
    """A process that another has overtaken cannot write an outcome."""
    second = running.process()
    kept = []

    async def second_process_restarts() -> None:
        await running.lease_expires()
        kept.append(await second.restart())

    running.manager.on("store.finish", second_process_restarts)

    with pytest.raises(LeaseLost):
        await running.manager.stop()

    assert [running.record] == kept
    assert running.faults() == []


async def test_a_bug_in_an_adapter_is_rolled_back_and_answered_without_internals(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is internal_error, whose message appears only in the log."""
    before = running.record
    running.manager.on("host.create", ZeroDivisionError("secret"))

    error = await attempt(lambda process: process.restart(), running.manager)

    assert "secret" not in str(error)
    assert "secret" in caplog.text
    assert running.last.error_code is ErrorCode.INTERNAL_ERROR
    assert running.record == before
    assert running.faults() == []


async def test_leftover_that_cannot_be_removed_does_not_fail_the_operation(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A leftover of a committed operation logs a warning and is left to the reconciler."""
    running.manager.on("host.remove", refusal())

    record = await running.manager.restart()

    assert record == running.record
    assert "leftover_not_removed" in caplog.text
    assert running.faults(parked_may_stay=True) == []


async def test_leftover_of_a_resumed_operation_does_not_fail_the_next_request(
    running: World,
) -> None:
    """A leftover of an ended operation that cannot be removed delays no request."""
    running.manager.on("store.finish", Killed())
    await attempt(lambda process: process.restart(), running.manager)
    running.manager.lease_connection.abandon()
    running.after_the_lease()
    second = running.process()
    second.on("host.remove", refusal())

    record = await second.stop()

    assert record.status is RuntimeStatus.STOPPED
    assert running.faults(parked_may_stay=True) == []


async def test_refused_call_keeps_docker_s_message_in_the_log(running: World) -> None:
    """When Docker refuses without an effect, row and step have its message."""
    running.manager.on("host.stop", refusal())

    with pytest.raises(InternalError, match=r"500 Server Error; galaxy/game:1\.4\.7 runs"):
        await running.manager.stop()

    assert running.last.steps[0].error == "500 Server Error"
    assert running.record is not None
    assert running.record.status is RuntimeStatus.RUNNING
    assert running.faults() == []
