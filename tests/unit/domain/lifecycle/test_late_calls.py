"""A process stalls past its lease, others go on, and it wakes up in the middle of a call."""

import asyncio

import pytest

from rtmanager.domain.errors import Conflict
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.supervision.drift import DriftKind
from rtmanager.domain.supervision.heal_game import HealGame
from tests.unit.domain.lifecycle.scenarios import attempt
from tests.unit.domain.world import BROKEN, GAME, PATCHED, Hang, Process, World


async def stalled(world: World, call: str, image: str) -> tuple[Hang, asyncio.Task[object]]:
    """Let a patch of the first process hang at this call until its lease is another's to take."""
    hang = Hang()
    world.manager.on(call, hang)
    patching = asyncio.create_task(attempt(lambda process: process.patch(image), world.manager))
    await hang.reached.wait()
    await world.lease_expires()
    return hang, patching


async def test_late_start_of_the_old_engine_starts_nothing(running: World) -> None:
    """Others patched meanwhile: the start of an undo that comes late finds no such container."""
    undoing: list[str] = []

    async def second_start() -> None:
        undoing.append("start")
        if len(undoing) == 2:
            await hang()

    hang = Hang()
    running.manager.on("engine.start", second_start, always=True)
    late = asyncio.create_task(attempt(lambda process: process.patch(BROKEN), running.manager))
    await hang.reached.wait()
    await running.lease_expires()
    await running.process().patch()

    hang.release()

    assert isinstance(await late, LeaseLost)
    assert running.faults() == []


async def test_late_park_is_found_and_the_engine_gets_its_name_back(running: World) -> None:
    """An engine that runs under a strange name is reached by nobody: that is drift, and healed."""
    hang, late = await stalled(running, "engine.rename", PATCHED)
    second = running.process()
    await second.start()
    hang.release()
    assert isinstance(await late, LeaseLost)
    assert running.faults() != []

    healed = await HealGame(second.cases.protocol, second.cases.replace, 60.0).run(GAME, "test")

    assert [each.kind for each in healed] == [DriftKind.MISNAMED]
    assert running.faults() == []


async def test_undo_removes_what_a_late_create_left_in_the_way(running: World) -> None:
    """A container that a settled operation made late has no right to the game's name."""
    hang, late = await stalled(running, "engine.create", PATCHED)
    second = running.process()
    between = Hang()
    second.on("engine.create", between)
    restarting = asyncio.create_task(attempt(Process.restart, second))
    await between.reached.wait()
    hang.release()
    assert isinstance(await late, LeaseLost)

    between.release()

    assert isinstance(await restarting, Conflict)
    assert running.faults() == []


async def test_stop_of_an_engine_that_someone_starts_again_is_a_conflict(running: World) -> None:
    """A stop never answers success while the engine runs."""

    async def start_again() -> None:
        running.docker.run(running.engine)

    running.manager.on("engine.stop:done", start_again)

    with pytest.raises(Conflict, match="started the engine again"):
        await running.manager.stop()

    assert running.faults() == []
