"""Retention removes containers of games that were stopped long ago, and nothing else."""

from datetime import timedelta

import pytest

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import OpSource
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import refusal
from tests.unit.domain.watch import RETENTION, Watch
from tests.unit.domain.world import GAME, IMAGE, World

SECOND = timedelta(seconds=1)


@pytest.fixture
async def watch() -> Watch:
    """Return the reconciler of a game that was just stopped."""
    world = World()
    await world.manager.start()
    await world.manager.stop()
    return Watch(world)


def pass_time(watch: Watch, time: timedelta) -> None:
    """Let time pass."""
    watch.world.clock.advance(time.total_seconds())


async def test_container_goes_when_its_time_is_over(watch: Watch) -> None:
    """An expired container is removed by a cleanup whose source is the retention."""
    pass_time(watch, RETENTION + SECOND)

    said = await watch.expire.run()

    assert said.startswith("1 of 1 containers removed")
    assert watch.world.record is not None
    assert watch.world.record.status is RuntimeStatus.REMOVED
    assert watch.world.last.request.origin.source is OpSource.AUTO_TTL
    assert watch.world.faults() == []


async def test_container_stays_until_then(watch: Watch) -> None:
    """A second before its time is up the container stays."""
    pass_time(watch, RETENTION - SECOND)

    assert await watch.expire.run() == ""
    assert watch.world.faults() == []


async def test_running_game_never_expires(watch: Watch) -> None:
    """A running game never expires, however long it has been running."""
    await watch.process.start()
    pass_time(watch, 10 * RETENTION)

    assert await watch.expire.run() == ""
    assert watch.world.record is not None
    assert watch.world.record.status is RuntimeStatus.RUNNING


async def test_game_under_a_lease_is_left_alone(watch: Watch) -> None:
    """A game with a lease is in use and is skipped."""
    pass_time(watch, RETENTION + SECOND)
    async with watch.world.process().leases.hold(GAME, wait=0):
        said = await watch.expire.run()

    assert said.startswith("0 of 1")
    assert len(watch.world.containers) == 1


async def test_lease_store_whose_clock_stepped_back_keeps_no_container(watch: Watch) -> None:
    """A lease number that is not the latest is drawn again, as for any other operation."""
    pass_time(watch, RETENTION + SECOND)
    numbers = watch.process.lease_connection.numbers
    numbers.forget()
    numbers.clock_is_off_by = -10 * RETENTION

    said = await watch.expire.run()

    assert said.startswith("1 of 1 containers removed")


async def test_game_that_was_started_meanwhile_is_spared(watch: Watch) -> None:
    """The record is read again under the lease."""
    pass_time(watch, RETENTION + SECOND)
    other = watch.world.process()

    async def start() -> None:
        await other.start()

    watch.process.on("records.list:done", start)

    await watch.expire.run()

    assert watch.world.record is not None
    assert watch.world.record.status is RuntimeStatus.RUNNING
    assert watch.world.faults() == []


async def test_one_failed_removal_never_stops_the_others(watch: Watch) -> None:
    """When Docker refuses one removal the others still happen, and that game stays whole."""
    other = GameId("g2")
    await watch.process.start(IMAGE, other)
    await watch.process.stop(other)
    pass_time(watch, RETENTION + SECOND)
    watch.process.on("host.remove", refusal())

    said = await watch.expire.run()

    assert said.startswith("1 of 2")
    assert len(watch.world.containers) == 1
    assert [each for each in watch.world.operations if each.outcome is None] == []


async def test_game_that_ran_for_long_has_its_whole_time_from_its_stop(watch: Watch) -> None:
    """Retention counts from the stop, not from any start."""
    await watch.process.start()
    pass_time(watch, 10 * RETENTION)
    await watch.process.stop()
    pass_time(watch, RETENTION - SECOND)
    assert await watch.expire.run() == ""
    pass_time(watch, 2 * SECOND)

    assert (await watch.expire.run()).startswith("1 of 1 containers removed")


async def test_exit_that_was_found_late_counts_from_when_it_was_found(watch: Watch) -> None:
    """Retention counts from the record's last change, as documented."""
    await watch.process.start()
    watch.world.docker.crash(watch.world.engine.id)
    pass_time(watch, 2 * RETENTION)
    await watch.reconciled()

    assert await watch.expire.run() == ""
    assert watch.world.record is not None
    assert watch.world.record.status is RuntimeStatus.STOPPED


async def test_game_that_was_started_and_stopped_meanwhile_is_spared(watch: Watch) -> None:
    """Reading the record again shows a later stop, although the status is the same."""
    pass_time(watch, RETENTION + SECOND)
    other = watch.world.process()

    async def start_and_stop() -> None:
        await other.start()
        await other.stop()

    watch.process.on("records.list:done", start_and_stop)

    assert (await watch.expire.run()).startswith("0 of 1")
    assert watch.world.record is not None
    assert watch.world.record.status is RuntimeStatus.STOPPED
    assert watch.world.faults() == []
