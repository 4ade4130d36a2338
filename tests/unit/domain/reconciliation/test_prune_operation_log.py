"""The operation log is not for ever: what is old goes, what is still needed stays."""

from datetime import timedelta

import pytest

from rtmanager.domain.errors import NotFound, ServiceUnavailable
from rtmanager.domain.reconciliation import prune_operation_log
from rtmanager.domain.reconciliation.prune_operation_log import KEPT_PER_GAME, PruneOperationLog
from tests.unit.domain.messaging.job_desk import JobDesk
from tests.unit.domain.world import Hang, World

KEEP = timedelta(days=30)
DAY = timedelta(days=1).total_seconds()


def pruning(world: World, keep: timedelta = KEEP) -> PruneOperationLog:
    """Return the cycle of the first process."""
    manager = world.manager
    return PruneOperationLog(manager.ports.journal, manager.jobs, world.clock, keep)


async def refuse(world: World, count: int) -> None:
    """Add refusals of a game that never ran to the log."""
    for _ in range(count):
        with pytest.raises(NotFound):
            await world.manager.stop()


async def test_old_operations_go(world: World) -> None:
    """What finished before the retention is deleted, and what is younger stays."""
    await refuse(world, 3)
    world.clock.advance(20 * DAY)
    await refuse(world, 2)
    world.clock.advance(11 * DAY)

    said = await pruning(world).run()

    assert said.startswith("3 operations of before ")
    assert [each.id for each in world.operations] == [4, 5]
    assert await pruning(world).run() == ""


async def test_ids_are_not_used_again(world: World) -> None:
    """A fence is higher than all before it, even if the log is empty."""
    await refuse(world, 3)
    world.clock.advance(31 * DAY)
    await pruning(world).run()

    await refuse(world, 1)

    assert [each.id for each in world.operations] == [4]


async def test_last_operations_of_a_live_game_stay(world: World) -> None:
    """A game that has run for years can still be explained."""
    await world.manager.start()
    for _ in range(KEPT_PER_GAME + 4):
        await world.manager.start()
    world.clock.advance(400 * DAY)

    said = await pruning(world).run()

    assert said.startswith("5 operations")
    assert len(world.operations) == KEPT_PER_GAME


async def test_operations_of_a_removed_game_go(world: World) -> None:
    """A game whose container was cleaned up is over; its record stays."""
    await world.manager.start()
    await world.manager.stop()
    await world.manager.cleanup()
    world.clock.advance(31 * DAY)

    await pruning(world).run()

    assert world.operations == []
    assert world.record is not None


async def test_open_operation_stays(world: World) -> None:
    """An intent is never deleted, however long ago it began."""
    hang = Hang()
    world.manager.on("host.create", hang)
    starting = world.manager.cases.operations.in_flight.share(
        lambda: _start(world), name="a start that hangs"
    )
    await hang.reached.wait()
    world.clock.advance(400 * DAY)

    assert await pruning(world).run() == ""

    assert [each.outcome for each in world.operations] == [None]
    hang.release()
    await starting


async def _start(world: World) -> None:
    await world.manager.start()


async def test_lease_numbers_go_with_the_last_operation_of_a_game_without_a_record(
    world: World,
) -> None:
    """Made-up games leave nothing behind; those with a record keep their number."""
    await refuse(world, 1)
    world.clock.advance(31 * DAY)

    await pruning(world).run()

    assert world.store.leases == {}


async def test_many_pages_are_examined_once_each(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is cut into bounded statements."""
    monkeypatch.setattr(prune_operation_log, "PAGE", 2)
    await refuse(world, 5)
    world.clock.advance(31 * DAY)
    await refuse(world, 5)
    world.manager.calls.clear()

    await pruning(world).run()

    assert [each.id for each in world.operations] == [6, 7, 8, 9, 10]
    assert world.manager.calls.count("store.prune") == 3


class TestJobs:
    """A job's row is what keeps it from being run again when its entry is delivered again."""

    async def test_row_of_a_job_stays_while_its_entry_is_in_the_stream(self) -> None:
        """A group that is created again delivers every entry of the stream."""
        desk = JobDesk()
        await desk.handler().run([await desk.stop()])
        desk.world.clock.advance(400 * DAY)

        assert await pruning(desk.world).run() == ""

        desk.world.streams.lose_group()
        (again,) = await desk.world.manager.jobs.read(count=10, block=0.0)
        await desk.handler().run([again])
        assert len(desk.world.operations) == 1
        assert len(desk.results) == 1

    async def test_row_of_a_job_goes_when_its_entry_was_trimmed(self) -> None:
        """An entry that is gone cannot be delivered again."""
        desk = JobDesk()
        await desk.handler().run([await desk.stop()])
        later = await desk.stop()
        desk.world.streams.jobs.pop(0)
        desk.world.clock.advance(400 * DAY)
        await desk.handler().run([later])

        await pruning(desk.world).run()

        refs = [each.request.origin.source_ref for each in desk.world.operations]
        assert refs == [later.entry_id]

    @pytest.mark.parametrize(("days", "left"), [(2, 1), (8, 0)])
    async def test_row_of_a_job_stays_for_a_week(self, days: int, left: int) -> None:
        """A Redis that was restored from a backup of yesterday delivers what it had then."""
        desk = JobDesk()
        await desk.handler().run([await desk.stop()])
        desk.world.streams.flush()
        desk.world.clock.advance(days * DAY)

        await pruning(desk.world, timedelta(days=1)).run()

        assert len(desk.world.operations) == left

    async def test_nothing_is_deleted_while_the_stream_store_is_away(self, world: World) -> None:
        """Without the streams nobody knows which entries may come again."""
        await refuse(world, 1)
        world.clock.advance(400 * DAY)
        world.manager.on("jobs.oldest", ServiceUnavailable())

        with pytest.raises(ServiceUnavailable):
            await pruning(world).run()

        assert len(world.operations) == 1
