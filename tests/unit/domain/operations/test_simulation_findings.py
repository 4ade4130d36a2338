"""Defects that the simulation found, each as the shortest test that shows it."""

import asyncio

import pytest

from rtmanager.adapters.in_memory.docker_effects import (
    LOSE_REPLY,
    NORMAL,
    REFUSE_BEFORE,
    Fate,
    late,
)
from rtmanager.domain.concurrency import InFlight
from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.operation import Outcome
from tests.unit.domain.operations.scenarios import attempt
from tests.unit.domain.world import PATCHED, Hang, Process, World

LATE = "galaxy/game:1.4.5"


def unheard(world: World, *calls: str) -> None:
    """Lose the reply to the next call of each of these names."""
    wanted = list(calls)

    def fate_of(call: str, _: str) -> Fate:
        if call not in wanted:
            return NORMAL
        wanted.remove(call)
        return LOSE_REPLY

    world.docker.fate_of = fate_of


async def test_own_removal_that_takes_its_time_is_waited_for() -> None:
    """A slow removal of the operation's own container is no reason to fail."""
    world = World()
    world.docker.durations = {"start": 0.5, "remove": 0.5}
    unheard(world, "start", "remove")
    assert isinstance(await attempt(Process.start, world.manager), DockerUnavailable)

    for _ in range(2):
        await attempt(Process.resume, world.process())

    assert world.last.outcome is Outcome.SUCCESS
    assert world.faults() == []


async def test_what_begins_during_a_drain_is_drained() -> None:
    """Work that begins during a drain is cut off like any other."""
    in_flight, first, second = InFlight(), Hang(), Hang()

    async def waiting() -> None:
        await first()
        in_flight.share(second, name="second")

    caller = asyncio.create_task(in_flight.run(waiting(), name="first"))
    await first.reached.wait()
    draining = asyncio.create_task(in_flight.drain(0.01))
    await asyncio.sleep(0)
    first.release()

    assert await draining == 1
    assert await in_flight.drain(0.0) == 0
    await caller


@pytest.mark.parametrize("call", ["store.begin:done", "store.take_over:done"])
async def test_what_is_cut_off_as_it_begins_is_handed_over(call: str) -> None:
    """An operation cut off while its intent is written is handed over, without a lost process."""
    world, hang = World(), Hang()
    await _left_open(world)
    process = world.process()
    process.on(call, hang)
    work = process.resume if call == "store.take_over:done" else process.stop
    if call == "store.begin:done":
        await world.process().resume()
    task = asyncio.create_task(work())
    await hang.reached.wait()

    draining = asyncio.create_task(process.shut_down())
    for _ in range(9):  # let the drain cancel it
        await asyncio.sleep(0)
    hang.release()
    await draining
    await asyncio.gather(task, return_exceptions=True)
    await world.process().resume()

    assert (world.last.outcome, world.last.lost) == (Outcome.SUCCESS, 0)
    assert world.faults() == []


async def _left_open(world: World) -> None:
    """Leave a start open for the next holder."""
    hang = Hang()
    world.manager.on("host.create", hang)
    task = asyncio.create_task(world.manager.start())
    await hang.reached.wait()
    await world.manager.shut_down()
    await asyncio.gather(task, return_exceptions=True)


async def test_docker_that_leaves_while_a_patched_engine_must_stay_up_fails_no_patch() -> None:
    """Whether the engine still answers is unknown, so the patch stays open."""
    world = World()
    world.image(LATE, healthy_after=29.0)
    await world.manager.start()

    misses: list[float] = []

    async def be_away_once_when_the_time_is_up() -> None:
        if not misses and world.clock.monotonic() > world.policy.patch_gate_timeout:
            misses.append(world.clock.monotonic())
            raise DockerUnavailable

    world.manager.on("host.inspect", be_away_once_when_the_time_is_up, always=True)
    error = await attempt(lambda process: process.patch(LATE), world.manager)
    await world.process().resume()

    assert isinstance(error, DockerUnavailable)
    assert world.last.outcome is Outcome.SUCCESS
    assert world.record
    assert world.record.current_image_ref == LATE


async def test_process_that_slept_through_the_gate_asks_once_more() -> None:
    """An answer from before the end of the gate does not decide after it."""
    world = World()
    world.image(LATE, healthy_after=1.0)
    await world.manager.start()

    async def sleep_long() -> None:
        world.clock.advance(world.policy.patch_gate_timeout + 1.0)

    async def watch() -> None:
        world.manager.on("probe.check:done", sleep_long)

    world.manager.on("host.start:done", watch)
    record = await world.manager.patch(LATE)

    assert record.current_image_ref == LATE


async def test_engine_that_may_still_start_keeps_the_old_one_from_starting() -> None:
    """While its start is pending and its removal refused, no engine is better than two."""
    world, hang = World(), Hang()
    await world.manager.start()
    world.docker.durations = {"start": 5.0}
    world.manager.on("store.save:done", hang)
    patching = asyncio.create_task(attempt(lambda process: process.patch(PATCHED), world.manager))
    await hang.reached.wait()
    world.docker.fate_of = lambda call, _: late(20.0) if call == "start" else NORMAL
    hang.release()
    assert isinstance(await patching, DockerUnavailable)

    world.docker.fate_of = lambda call, _: REFUSE_BEFORE if call == "remove" else NORMAL
    await world.process().resume()
    world.clock.advance(30.0)
    world.docker.catch_up()
    world.watch("the end")

    assert world.last.outcome is Outcome.FAILURE
    assert world.doubled == []
