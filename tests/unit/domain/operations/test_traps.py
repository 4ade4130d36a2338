"""Defects once found in operations, each as a test of the whole core on the doubles."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.docker_effects import NORMAL as DONE
from rtmanager.adapters.in_memory.docker_effects import REFUSE_AFTER, REFUSE_BEFORE, Fate
from rtmanager.domain.container import aside_name, container_name
from rtmanager.domain.errors import (
    Conflict,
    ContainerStartFailed,
    ErrorCode,
    ImagePullFailed,
    RuntimeManagerError,
)
from rtmanager.domain.operation import Outcome, Phase
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import refusal, unavailable
from tests.unit.domain.operations.scenarios import attempt
from tests.unit.domain.watch import GRACE, Watch
from tests.unit.domain.world import (
    BROKEN,
    GAME,
    LAST_WORDS,
    PATCHED,
    Killed,
    Process,
    World,
)
from tests.unit.workers.turns import turns, until

STUBBORN = "galaxy/game:1.4.5"
SILENT = "galaxy/game:1.4.10"


async def _patch_broken(process: Process) -> object:
    return await process.patch(BROKEN)


Request = Callable[[Process], Awaitable[object]]


async def _stubborn_world() -> World:
    """Return a world whose engine takes twenty seconds to stop and whose clock stands still."""
    world = World(clock=ManualClock(auto=False))
    world.image(STUBBORN, stops_in=20.0)
    await world.manager.start(STUBBORN)
    return world


async def _cut_off_while_it_stops(world: World, request: Request) -> None:
    """Cut the request off by a shutdown once Docker is stopping the engine."""
    (engine,) = world.docker.containers.values()
    asked = asyncio.create_task(attempt(request, world.manager))
    await until(lambda: engine.exit_due is not None)
    assert await world.manager.shut_down() == 1
    await asked
    assert engine.is_running
    assert (world.last.outcome, GAME in world.grants) == (None, False)


async def _resumed(world: World) -> None:
    """Resume the operation in another process while time passes."""
    resuming = asyncio.create_task(world.process().resume())
    while not resuming.done():
        world.clock.advance(0.5)
        await turns(20)
    await resuming


@pytest.mark.parametrize("request_", [Process.patch, Process.restart], ids=["patch", "restart"])
async def test_trap_slow_stop_cut_off(request_: Request) -> None:
    """The next holder waits for a stop that is in its grace period, and then proceeds."""
    world = await _stubborn_world()
    await _cut_off_while_it_stops(world, request_)

    await _resumed(world)

    assert world.last.outcome is Outcome.SUCCESS
    assert "lost_processes" not in world.last.details
    world.clock.advance(100)
    world.docker.catch_up()
    assert world.engine.is_running
    assert world.faults() == []


async def test_trap_slow_stop_cut_off_of_a_stop() -> None:
    """A stop that was cut off succeeds and records when the engine ended."""
    world = await _stubborn_world()
    await _cut_off_while_it_stops(world, Process.stop)

    await _resumed(world)

    assert world.record is not None
    assert world.record.status is RuntimeStatus.STOPPED
    assert world.record.stopped_at == world.engine.finished_at
    assert world.faults() == []


async def test_trap_slow_stop_cut_off_and_rolled_back() -> None:
    """If the next holder cannot proceed it awaits the stop and restarts the old engine."""
    world = await _stubborn_world()
    before = world.record
    await _cut_off_while_it_stops(world, Process.patch)
    world.docker.remove_image(PATCHED)

    await _resumed(world)

    assert world.last.error_code is ErrorCode.IMAGE_PULL_FAILED
    assert "galaxy/game:1.4.5 runs" in (world.last.error_message or "")
    world.clock.advance(100)
    world.docker.catch_up()
    assert world.engine.is_running
    assert world.record == before
    assert world.faults() == []


async def test_trap_gate_survives_a_crash(running: World) -> None:
    """After a kill during the gate the next holder repeats it, and the broken engine fails."""
    running.image(SILENT, healthy_after=None)
    before, manager = running.record, running.manager
    manager.on("host.start:done", lambda: _die_in_the_gate(manager))
    assert isinstance(await attempt(lambda each: each.patch(SILENT), manager), Killed)
    manager.lease_connection.abandon()
    running.after_the_lease()

    await running.process().resume()

    assert running.last.error_code is ErrorCode.CONTAINER_START_FAILED
    assert running.last.details["lost_processes"] == 1
    assert running.record == before
    assert running.faults() == []


async def _die_in_the_gate(manager: Process) -> None:
    manager.on("probe.check:done", manager.die)


CALLS_BACK = ("remove", "start", "rename")
FATES = {"before": REFUSE_BEFORE, "after": REFUSE_AFTER}


@pytest.mark.parametrize("times", [1, 2, 99])
@pytest.mark.parametrize("fate", FATES.values(), ids=FATES)
@pytest.mark.parametrize("call", CALLS_BACK)
async def test_trap_refused_on_the_way_back(
    running: World, call: str, fate: Fate, times: int
) -> None:
    """The operation ends with its first cause and the true state, whatever Docker refuses."""
    left = [times]

    def fate_of(name: str, _container: str) -> Fate:
        on_the_way_back = running.last.phase is Phase.BACK
        if name != call or not on_the_way_back or not left[0]:
            return DONE
        left[0] -= 1
        return fate

    running.docker.fate_of = fate_of

    with pytest.raises(ContainerStartFailed, match=LAST_WORDS):
        await running.manager.patch(BROKEN)

    assert running.last.outcome is Outcome.FAILURE
    assert running.last.error_code is ErrorCode.CONTAINER_START_FAILED
    running.docker.fate_of = None
    assert GAME not in running.grants
    await _reconciles_and_serves(running)


async def _reconciles_and_serves(world: World) -> None:
    """Assert that the reconciler removes what was left and that the game can be used."""
    world.clock.advance(2 * GRACE)
    watch = Watch(world)
    await watch.reconciled()
    assert world.faults() == []
    await world.manager.restart()
    assert world.faults() == []


async def test_trap_refused_on_the_way_back_removal_is_set_aside(running: World) -> None:
    """A container that Docker does not remove is renamed, so the old engine gets its name."""
    before = running.record
    running.docker.fate_of = lambda call, _: REFUSE_BEFORE if call == "remove" else DONE

    with pytest.raises(ContainerStartFailed, match=r"1\.4\.7 runs"):
        await running.manager.patch(BROKEN)

    assert running.record == before
    assert set(running.containers) == {container_name(GAME), aside_name(GAME, running.last.id)}
    assert running.faults(parked_may_stay=True) == []
    running.docker.fate_of = None
    await _reconciles_and_serves(running)


async def test_trap_refused_on_the_way_back_job_gets_its_result(running: World) -> None:
    """A game that two refusals had blocked answers every later request."""
    running.docker.fate_of = lambda call, _: REFUSE_BEFORE if call == "remove" else DONE
    await attempt(_patch_broken, running.manager)

    record = await running.manager.stop()

    assert record.status is RuntimeStatus.STOPPED


@pytest.mark.parametrize("moment", ["looked", "new one runs"])
async def test_trap_started_between_stop_and_look(running: World, moment: str) -> None:
    """An old engine that someone starts by hand is stopped again before the new one runs."""
    old = running.engine

    async def start_by_hand() -> None:
        running.docker.run(old)

    call = {"looked": "host.stop:done", "new one runs": "host.create"}[moment]
    running.manager.on(call, start_by_hand)

    await running.manager.restart()

    assert running.manager.calls.count("host.stop") == 2
    assert running.faults() == []


async def test_trap_started_between_stop_and_look_again_and_again(running: World) -> None:
    """If someone keeps starting the old engine, it stays, and the operation is a conflict."""
    old = running.engine

    async def start_by_hand() -> None:
        running.docker.run(old)

    running.manager.on("host.stop:done", start_by_hand, always=True)

    with pytest.raises(Conflict, match="someone else changes the container"):
        await running.manager.restart()

    assert running.engine is old
    assert running.faults() == []


async def test_trap_cleanup_kills_a_running_engine(stopped: World) -> None:
    """An engine that was started by hand makes the cleanup a conflict and is adopted."""
    stopped.docker.run(stopped.engine)

    with pytest.raises(Conflict, match="someone has started it"):
        await stopped.manager.cleanup()

    assert stopped.engine.is_running
    await Watch(stopped).reconciled()
    assert stopped.record is not None
    assert stopped.record.status is RuntimeStatus.RUNNING
    assert stopped.faults() == []


async def test_trap_cleanup_kills_a_running_engine_started_at_the_last_moment(
    stopped: World,
) -> None:
    """An engine started just before its removal is not removed by force."""

    async def start_by_hand() -> None:
        stopped.docker.run(stopped.engine)

    stopped.manager.on("host.remove", start_by_hand)

    assert isinstance(await attempt(Process.cleanup, stopped.manager), RuntimeManagerError)

    assert stopped.engine.is_running
    await Watch(stopped).reconciled()
    assert stopped.faults() == []


async def test_failed_read_of_the_logs_never_replaces_the_error(running: World) -> None:
    """Without the logs the error still has the exit code."""
    for fault in (unavailable(), refusal()):
        running.manager.on("host.logs", fault)

        with pytest.raises(ContainerStartFailed, match="exited with code 3 while it started; "):
            await running.manager.patch(BROKEN)

        assert running.last.details["exit_code"] == 3
        assert "log_tail" not in running.last.details
        assert running.faults() == []


async def test_pull_that_fails_after_a_crash_is_reported_as_that(running: World) -> None:
    """An image that disappears before the next holder pulls it again is the first cause."""
    before, manager = running.record, running.manager
    manager.on("host.stop:done", manager.die)
    assert isinstance(await attempt(Process.patch, manager), Killed)
    manager.lease_connection.abandon()
    running.after_the_lease()
    running.docker.remove_image(PATCHED)

    with pytest.raises(ImagePullFailed):
        await running.process().patch()

    assert running.operations[1].error_code is ErrorCode.IMAGE_PULL_FAILED
    assert running.record == before
    assert running.faults() == []


async def test_trap_refused_observation_in_the_gate(running: World) -> None:
    """One 500 during the gate does not roll a good patch back."""
    manager = running.manager
    manager.on("host.start:done", lambda: _refuse_a_look_in_the_gate(manager))

    record = await manager.patch()

    assert record.current_image_ref == PATCHED
    assert running.last.outcome is Outcome.SUCCESS
    assert len(running.docker.starts) == 2
    assert running.faults() == []


async def _refuse_a_look_in_the_gate(manager: Process) -> None:
    async def refuse_the_next() -> None:
        manager.on("host.inspect", refusal())

    manager.on("probe.check:done", refuse_the_next)
