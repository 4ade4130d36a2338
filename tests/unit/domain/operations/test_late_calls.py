"""A process stalls past its lease, others proceed, and it wakes in the middle of a call."""

import asyncio

import pytest

from rtmanager.domain.errors import Conflict
from rtmanager.domain.operation import ActionName, StepResult
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.reconciliation.drift import DriftKind
from tests.unit.domain.operations.scenarios import attempt
from tests.unit.domain.watch import Watch
from tests.unit.domain.world import BROKEN, PATCHED, Hang, Process, World


async def stalled(world: World, call: str, image: str) -> tuple[Hang, asyncio.Task[object]]:
    """Hang a patch of the first process at this call until its lease has expired."""
    hang = Hang()
    world.manager.on(call, hang)
    patching = asyncio.create_task(attempt(lambda process: process.patch(image), world.manager))
    await hang.reached.wait()
    await world.lease_expires()
    return hang, patching


async def test_late_start_of_the_old_engine_starts_nothing(running: World) -> None:
    """After another patch, a late start of the rollback finds no container."""
    starts: list[str] = []

    async def second_start() -> None:
        starts.append("start")
        if len(starts) == 2:
            await hang()

    hang = Hang()
    running.manager.on("host.start", second_start, always=True)
    late = asyncio.create_task(attempt(lambda process: process.patch(BROKEN), running.manager))
    await hang.reached.wait()
    await running.lease_expires()
    await running.process().patch()

    hang.release()

    assert isinstance(await late, LeaseLost)
    assert running.faults() == []


async def test_late_park_is_found_and_the_engine_gets_its_name_back(running: World) -> None:
    """A running engine under another name is drift, because nobody reaches it."""
    hang, late = await stalled(running, "host.rename", BROKEN)
    second = running.process()
    await second.start()
    hang.release()
    assert isinstance(await late, LeaseLost)
    assert running.faults() != []

    assert await Watch(running, second).reconciled() == [DriftKind.MISNAMED]
    assert running.faults() == []


async def test_late_stop_hits_nothing(running: World) -> None:
    """A late stop uses a name that only its operation gives and that is gone by then."""
    hang, late = await stalled(running, "host.stop", BROKEN)
    await running.process().start()
    hang.release()

    assert isinstance(await late, LeaseLost)
    assert running.engine.is_running
    assert running.faults() == []


async def test_late_create_of_the_same_operation_is_used(running: World) -> None:
    """The next holder finds the name taken by its own operation's container and uses it."""
    hang, late = await stalled(running, "host.create", PATCHED)
    second, between = running.process(), Hang()
    second.on("host.create", between)
    patching = asyncio.create_task(attempt(Process.patch, second))
    await between.reached.wait()
    hang.release()
    assert isinstance(await late, LeaseLost)

    between.release()

    assert await patching is None
    assert running.operations[1].steps[-3].result is StepResult.REFUSED
    assert running.faults() == []


async def test_late_create_of_an_operation_that_has_ended_is_removed(running: World) -> None:
    """A late container of an ended operation must not keep the game's name."""
    hang, late = await stalled(running, "host.create", BROKEN)
    second, between = running.process(), Hang()
    await second.start()
    second.on("host.create", between)
    restarting = asyncio.create_task(attempt(Process.restart, second))
    await between.reached.wait()
    hang.release()
    assert isinstance(await late, LeaseLost)

    between.release()

    assert await restarting is None
    assert running.faults() == []


async def test_engine_that_someone_starts_again_is_stopped_again(running: World) -> None:
    """A stop succeeds only once the engine does not run."""

    async def start_again() -> None:
        running.docker.run(running.engine)

    running.manager.on("host.stop:done", start_again)

    await running.manager.stop()

    assert [each.action.name for each in running.last.steps] == [ActionName.STOP] * 2
    assert running.faults() == []


async def test_stop_of_an_engine_that_someone_keeps_starting_is_a_conflict(running: World) -> None:
    """After three stops the caller gets a conflict, and the record says running."""

    async def start_again() -> None:
        running.docker.run(running.engine)

    running.manager.on("host.stop:done", start_again, always=True)

    with pytest.raises(Conflict, match="started the engine again"):
        await running.manager.stop()

    assert running.manager.calls.count("host.stop") == 3
    assert running.faults() == []
