"""Operations that a replica has handed over are resumed at the next cycle, and only those."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rtmanager.domain.errors import DockerUnavailable, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Outcome
from tests.unit.domain.watch import Watch
from tests.unit.domain.world import GAME, IMAGE, Hang, Killed, Process, World

OTHER_GAME = GameId("g2")


@pytest.fixture
async def watch() -> Watch:
    """Return the cycles of a process other than the one that started the game."""
    world = World()
    await world.manager.start()
    return Watch(world, world.process())


async def test_nothing_handed_over_costs_one_query_and_reports_nothing(watch: Watch) -> None:
    """Neither Docker nor the leases are called."""
    assert await watch.resume_handed_over.run() == ""
    assert watch.process.calls == ["store.handed_over", "store.handed_over:done"]


async def test_handed_over_operation_is_resumed_in_the_background(watch: Watch) -> None:
    """The first cycle resumes it without waiting for its end."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)

    assert await watch.resume_handed_over.run() == "handed-over operations resumed: 1"
    assert [each.outcome for each in watch.world.operations] == [Outcome.SUCCESS, None]
    await watch.process.resume()
    assert (watch.world.last.outcome, watch.world.last.lost) == (Outcome.SUCCESS, 0)
    assert watch.world.faults() == []


async def test_all_handed_over_operations_are_resumed(watch: Watch) -> None:
    """Every game's operation is resumed, and the message counts them."""
    second = watch.world.process()
    await second.start(IMAGE, OTHER_GAME)
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    await _hand_over(second, lambda: second.restart(OTHER_GAME))

    assert await watch.resume_handed_over.run() == "handed-over operations resumed: 2"
    for game in (GAME, OTHER_GAME):
        await watch.process.resume(game)
    assert {each.outcome for each in watch.world.operations} == {Outcome.SUCCESS}


async def test_operation_in_progress_is_not_resumed_again(watch: Watch) -> None:
    """The next cycle leaves it alone."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    hang = Hang()
    watch.process.on("host.stop", hang)
    await watch.resume_handed_over.run()
    await hang.reached.wait()

    assert await watch.resume_handed_over.run() == ""
    hang.release()
    await watch.process.resume()
    assert watch.world.last.outcome is Outcome.SUCCESS


async def test_start_that_waits_for_its_turn_is_left_to_its_holder(watch: Watch) -> None:
    """A queued start is marked as handed over, but its holder still has the lease."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    async with watch.world.process().leases.hold(GAME, wait=0):
        assert await watch.resume_handed_over.run() == ""

    assert "store.take_over" not in watch.process.calls
    assert watch.world.last.outcome is None


async def test_operation_with_a_holder_at_one_cycle_is_resumed_at_the_next(watch: Watch) -> None:
    """A cycle that found a holder does not count as an attempt."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    async with watch.world.process().leases.hold(GAME, wait=0):
        await watch.resume_handed_over.run()

    assert await watch.resume_handed_over.run() == "handed-over operations resumed: 1"
    await watch.process.resume()
    assert watch.world.last.outcome is Outcome.SUCCESS


async def test_operation_of_a_dead_process_is_left_to_the_reconciliation(watch: Watch) -> None:
    """Without a handover the process may still live, so the reconciliation decides."""
    watch.world.manager.on("host.stop:done", watch.world.manager.die)
    with pytest.raises(Killed):
        await watch.world.manager.patch()
    watch.world.manager.lease_connection.abandon()
    watch.world.after_the_lease()

    assert await watch.resume_handed_over.run() == ""
    assert watch.world.last.outcome is None


async def test_docker_that_is_away_is_waited_for(watch: Watch) -> None:
    """While Docker is away nothing is taken over; afterwards it is resumed."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    watch.world.docker.reachable = False
    with pytest.raises(DockerUnavailable):
        await watch.resume_handed_over.run()
    assert "store.take_over" not in watch.process.calls
    watch.world.docker.reachable = True

    await watch.resume_handed_over.run()
    await watch.process.resume()

    assert watch.world.last.outcome is Outcome.SUCCESS


async def test_operation_that_could_not_proceed_is_left_to_the_reconciliation(watch: Watch) -> None:
    """An operation that this process has handed over again is not retried every second."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    watch.process.on("host.stop", DockerUnavailable())
    await watch.resume_handed_over.run()
    with pytest.raises(DockerUnavailable):
        await watch.process.resume()

    assert await watch.resume_handed_over.run() == ""
    await watch.reconcile.run()
    await watch.process.resume()
    assert watch.world.last.outcome is Outcome.SUCCESS
    assert await watch.resume_handed_over.run() == ""


async def test_operation_seen_in_progress_is_not_resumed_again(watch: Watch) -> None:
    """A cycle during the attempt, when nothing is handed over, changes nothing."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    hang = Hang()
    watch.process.on("host.stop", hang)
    await watch.resume_handed_over.run()
    await hang.reached.wait()
    assert await watch.resume_handed_over.run() == ""
    await watch.process.shut_down()

    assert await watch.resume_handed_over.run() == ""
    await watch.process.resume()


async def test_next_operation_of_the_same_game_is_resumed(watch: Watch) -> None:
    """The first operation ended between two cycles, and another one was handed over."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    await watch.resume_handed_over.run()
    await watch.process.resume()
    other = watch.world.process()
    await _hand_over(other, other.restart)

    assert await watch.resume_handed_over.run() == "handed-over operations resumed: 1"
    await watch.process.resume()
    assert watch.world.last.outcome is Outcome.SUCCESS


@pytest.mark.parametrize("call", ["store.handed_over", "lease.acquire"])
async def test_store_that_is_away_is_reported(watch: Watch, call: str) -> None:
    """The worker gets the outage's error and retries at its next cycle."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    watch.process.on(call, ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        await watch.resume_handed_over.run()
    assert await watch.resume_handed_over.run() != ""
    await watch.process.resume()
    assert watch.world.last.outcome is Outcome.SUCCESS


async def _hand_over(process: Process, work: Callable[[], Awaitable[object]]) -> None:
    """Cut the process off while it stops the old engine."""
    hang = Hang()
    process.on("host.stop", hang)
    asked = asyncio.ensure_future(work())
    await hang.reached.wait()
    await process.shut_down()
    await asyncio.gather(asked, return_exceptions=True)
