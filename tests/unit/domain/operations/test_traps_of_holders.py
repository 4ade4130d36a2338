"""Defects once found when holders freeze, die, are cut off, or lose a store."""

import asyncio
from datetime import timedelta

import pytest

from rtmanager.domain.errors import (
    Conflict,
    ContainerStartFailed,
    ErrorCode,
    InternalError,
    ServiceUnavailable,
)
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.operation import Operation, Outcome, Phase
from rtmanager.domain.operations import interpreter
from rtmanager.domain.operations.interpreter import STORE_RETRY_LIMIT
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.operations.scenarios import attempt
from tests.unit.domain.world import (
    BROKEN,
    GAME,
    IMAGE,
    LAST_WORDS,
    PATCHED,
    Fault,
    Hang,
    Killed,
    Process,
    World,
)


def _intents(world: World) -> list[str]:
    """Return the messages of the intents."""
    intents = OutboxStream.NOTIFICATION_INTENTS
    return [each.fields["error_message"] for each in world.store.outbox if each.stream is intents]


def _away(world: World, seconds: float) -> Fault:
    """Return a fault that keeps a store away for this long from its first call on."""
    began: list[float] = []

    async def fail() -> None:
        began.append(world.clock.monotonic())
        if world.clock.monotonic() - began[0] < seconds:
            raise ServiceUnavailable("connection refused")

    return fail


async def _start_broken(process: Process) -> object:
    return await process.start(BROKEN)


async def _killed(world: World, process: Process, call: str) -> None:
    """Kill the process at this call of the open operation or of a patch; its lease expires."""
    process.on(call, process.die, always=True)
    is_open = world.last.outcome is None
    asked = Process.resume if is_open else Process.patch
    assert isinstance(await attempt(asked, process), Killed)
    process.lease_connection.abandon()
    world.after_the_lease()


@pytest.mark.parametrize("seconds", [0.1, 20.0])
@pytest.mark.parametrize("call", ["store.finish", "store.finish:done"])
async def test_trap_outcome_lost_in_a_short_outage(world: World, call: str, seconds: float) -> None:
    """An outage of Postgres at the outcome changes neither error nor intent."""
    world.manager.on(call, _away(world, seconds), always=True)

    with pytest.raises(ContainerStartFailed, match=LAST_WORDS):
        await world.manager.start(BROKEN)

    assert world.last.error_code is ErrorCode.CONTAINER_START_FAILED
    assert len(_intents(world)) == 1
    assert world.faults() == []


async def test_trap_outcome_lost_in_an_outage_that_outlasts_its_patience(world: World) -> None:
    """The operation stays open and ends later with the error that was written ahead."""
    world.manager.on("store.finish", ServiceUnavailable("connection refused"), always=True)

    with pytest.raises(
        ServiceUnavailable, match="operation 1 stays open and is resumed automatically"
    ):
        await world.manager.start(BROKEN)

    assert world.clock.monotonic() == pytest.approx(STORE_RETRY_LIMIT, abs=2)
    assert _intents(world) == []
    await world.process().resume()
    assert world.last.error_code is ErrorCode.CONTAINER_START_FAILED
    (words,) = _intents(world)
    assert LAST_WORDS in words
    assert world.faults() == []


@pytest.mark.parametrize("call", ["host.remove", "host.remove:done", "store.finish"])
async def test_trap_outcome_lost_with_the_process_in_the_rollback(world: World, call: str) -> None:
    """The next holder of a rollback reports the first error and writes the intent."""
    process = world.manager
    process.on("host.logs:done", lambda: _die_at(process, call))
    await attempt(_start_broken, process)
    assert process.dead
    process.lease_connection.abandon()
    world.after_the_lease()

    await world.process().resume()

    assert world.last.error_code is ErrorCode.CONTAINER_START_FAILED
    (words,) = _intents(world)
    assert LAST_WORDS in words
    assert world.record is None
    assert world.faults() == []


async def _die_at(process: Process, call: str) -> None:
    process.on(call, process.die)


@pytest.mark.parametrize("call", ["store.save", "store.finish", "host.stop", "host.create:done"])
async def test_trap_frozen_holder_resumes_a_live_operation(running: World, call: str) -> None:
    """A holder that slept past its lease does not affect the operation that another resumed."""
    frozen, live = Hang(), Hang()
    running.manager.on(call, frozen)
    sleeper = asyncio.create_task(attempt(Process.patch, running.manager))
    await frozen.reached.wait()
    await running.lease_expires()
    second = running.process()
    second.on("store.finish", live)
    resuming = asyncio.create_task(second.resume())
    await live.reached.wait()
    before = running.last

    frozen.release()
    assert isinstance(await sleeper, LeaseLost)

    assert _without_time(running.last) == _without_time(before)
    live.release()
    await resuming
    assert running.last.outcome is Outcome.SUCCESS
    assert running.faults() == []


def _without_time(operation: Operation) -> tuple[object, ...]:
    return operation.phase, operation.outcome, operation.lost, len(operation.steps)


async def test_trap_frozen_holder_resumes_nothing_when_it_wakes_before_taking_over(
    running: World,
) -> None:
    """By the time it takes over, another operation is in progress."""
    await _killed(running, running.manager, "host.stop")
    sleeper, third = running.process(), running.process()
    frozen, live = Hang(), Hang()
    sleeper.on("store.take_over", frozen)
    waking = asyncio.create_task(sleeper.resume())
    await frozen.reached.wait()
    await running.lease_expires()
    await third.resume()
    third.on("host.stop", live)
    stopping = asyncio.create_task(third.stop())
    await live.reached.wait()

    frozen.release()
    await waking

    assert (running.last.outcome, running.last.lost) == (None, 0)
    live.release()
    assert (await stopping).status is RuntimeStatus.STOPPED
    assert running.faults() == []


async def test_trap_redis_flushed_under_two_replicas(running: World) -> None:
    """When both hold the lease, the database refuses the one with the older number."""
    hang = Hang()
    running.manager.on("host.stop:done", hang)
    first = asyncio.create_task(attempt(Process.patch, running.manager))
    await hang.reached.wait()
    running.clock.advance(1)
    await running.lease_store_is_flushed()
    record = await running.process().patch()
    starts = list(running.docker.starts)

    hang.release()

    assert isinstance(await first, LeaseLost)
    assert running.record == record
    assert running.docker.starts == starts
    assert running.faults() == []


@pytest.mark.parametrize("kind", ["begin", "resume", "reconcile"])
async def test_trap_lease_stores_clock_steps_back(running: World, kind: str) -> None:
    """After a flush and a clock step a higher number is drawn at once."""
    if kind == "resume":
        await _killed(running, running.manager, "host.stop")
    if kind == "reconcile":
        running.docker.crash(running.engine.id)
    await running.lease_store_is_flushed()
    running.numbers.clock_is_off_by = -timedelta(hours=1)
    before, second = running.store.leases[GAME], running.process()

    if kind == "begin":
        await second.patch()
    elif kind == "resume":
        await second.resume()
    else:
        await second.cycles.reconcile.run()

    assert running.store.leases[GAME] > before
    assert running.last.outcome is Outcome.SUCCESS
    assert running.faults() == []


async def test_poison_operation_rolls_back_after_three_lost_processes(running: World) -> None:
    """The fourth process rolls back an operation that killed three, and says so."""
    before = running.record
    for _ in range(3):
        await _killed(running, running.process(), "host.create")

    await running.process().resume()

    assert running.last.error_code is ErrorCode.INTERNAL_ERROR
    assert "3 processes died while running it, the last one during create" in (
        running.last.error_message or ""
    )
    assert running.last.details["lost_processes"] == 3
    assert running.record == before
    assert running.faults() == []


async def test_two_lost_processes_are_no_poison(running: World) -> None:
    """The third process may still succeed."""
    for _ in range(2):
        await _killed(running, running.process(), "host.create")

    await running.process().resume()

    assert running.last.outcome is Outcome.SUCCESS
    assert running.last.details["lost_processes"] == 2


async def test_poison_in_the_rollback_ends_after_six_lost_processes(running: World) -> None:
    """If the rollback kills processes too, the operation ends with the true state."""
    for _ in range(3):
        await _killed(running, running.process(), "host.create")
    for _ in range(3):
        await _killed(running, running.process(), "host.start")

    await running.process().resume()

    assert running.last.error_code is ErrorCode.INTERNAL_ERROR
    assert running.record is not None
    assert running.record.status is RuntimeStatus.STOPPED
    await running.process().cycles.reconcile.run()
    assert running.faults() == []


async def test_defect_in_a_decision_counts_as_a_lost_process(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect gives no outcome; later holders retry, but not forever."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    with monkeypatch.context() as patched:
        patched.setattr(interpreter, "decide", fail)
        with pytest.raises(InternalError) as answered:
            await running.manager.stop()

    assert str(answered.value) == "internal server error"
    assert [each.outcome for each in running.operations] == [Outcome.SUCCESS, None]
    await running.process().resume()
    assert running.last.outcome is Outcome.SUCCESS
    assert running.last.details["lost_processes"] == 1


@pytest.mark.parametrize("call", ["host.stop", "host.create:done", "probe.check", "host.pull"])
async def test_shutdown_hands_over(running: World, call: str) -> None:
    """An operation that the shutdown cuts off is resumed at once, without a lost process."""
    running.docker.remove_image(PATCHED)
    running.docker.add_image(PATCHED, in_registry=True)
    hang = Hang()

    async def then_hang() -> None:
        running.manager.on(call, hang)

    # Of the new engine, not of the old one.
    running.manager.on(*(("host.start:done", then_hang) if call == "probe.check" else (call, hang)))
    patching = asyncio.create_task(running.manager.patch())
    await hang.reached.wait()

    assert await running.manager.shut_down() == 1

    with pytest.raises(asyncio.CancelledError):
        await patching
    assert GAME not in running.grants
    began = running.clock.monotonic()
    await running.process().resume()
    assert running.clock.monotonic() - began < 5
    assert running.last.outcome is Outcome.SUCCESS
    assert "lost_processes" not in running.last.details
    assert running.faults() == []


async def test_shutdown_hands_over_in_the_rollback(running: World) -> None:
    """A rollback that was cut off is resumed and reports the first error."""
    before, hang = running.record, Hang()

    async def then_hang() -> None:
        running.manager.on("host.start", hang)

    running.manager.on("host.logs", then_hang)
    patching = asyncio.create_task(attempt(lambda each: each.patch(BROKEN), running.manager))
    await hang.reached.wait()
    await running.manager.shut_down()
    await patching
    assert running.last.phase is Phase.BACK

    await running.process().resume()

    assert running.last.error_code is ErrorCode.CONTAINER_START_FAILED
    assert running.record == before
    assert running.faults() == []


async def test_shutdown_without_a_store_counts_as_lost(running: World) -> None:
    """An operation that cannot be handed over is resumed once its lease has expired."""
    hang = Hang()
    running.manager.on("host.stop", hang)
    patching = asyncio.create_task(attempt(Process.patch, running.manager))
    await hang.reached.wait()
    running.manager.on("store.hand_over", ServiceUnavailable())
    await running.manager.shut_down()
    await patching

    await running.process().resume()

    assert running.last.details["lost_processes"] == 1
    assert running.faults() == []


async def test_times_are_the_containers_own(world: World) -> None:
    """Start and stop times are the container's, not those of the observation."""
    slow = "galaxy/game:1.4.20"
    world.image(slow, healthy_after=3.0, stops_in=7.0)

    started = await world.manager.start(slow)
    stopped = await world.manager.stop()

    assert started.started_at == world.engine.started_at
    assert started.started_at is not None
    assert started.last_op_at - started.started_at >= timedelta(seconds=3)
    assert stopped.stopped_at == world.engine.finished_at
    (event,) = [each for each in world.store.outbox if "event_type" in each.fields]
    assert event.fields["occurred_at_ms"] == str(int(started.started_at.timestamp() * 1000))


async def test_conflict_while_someone_else_works_names_no_outcome_of_theirs(running: World) -> None:
    """A refused request has its own row and does not affect the open operation."""
    hang = Hang()
    running.manager.on("host.stop", hang)
    patching = asyncio.create_task(running.manager.patch())
    await hang.reached.wait()

    with pytest.raises(Conflict):
        await running.process().start(IMAGE)

    assert [each.outcome for each in running.operations] == [
        Outcome.SUCCESS,
        None,
        Outcome.FAILURE,
    ]
    hang.release()
    await patching
    assert running.faults() == []
