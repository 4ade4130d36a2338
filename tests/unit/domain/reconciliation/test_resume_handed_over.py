"""What a replica has handed over goes on at the next look, and nothing else does."""

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
    """Return the cycles of a process beside the one that has started the game."""
    world = World()
    await world.manager.start()
    return Watch(world, world.process())


async def test_nothing_handed_over_costs_one_look_and_says_nothing(watch: Watch) -> None:
    """Neither Docker nor the leases are asked."""
    assert await watch.resume_handed_over.run() == ""
    assert watch.process.calls == ["store.handed_over", "store.handed_over:done"]


async def test_what_was_handed_over_goes_on_in_the_background(watch: Watch) -> None:
    """It is set going at the first look, and not waited for."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)

    assert await watch.resume_handed_over.run() == "set going what was handed over: 1"
    assert [each.outcome for each in watch.world.operations] == [Outcome.SUCCESS, None]
    await watch.process.resume()
    assert (watch.world.last.outcome, watch.world.last.lost) == (Outcome.SUCCESS, 0)
    assert watch.world.faults() == []


async def test_all_that_was_handed_over_goes_on(watch: Watch) -> None:
    """Each game's operation, and the sentence counts them."""
    second = watch.world.process()
    await second.start(IMAGE, OTHER_GAME)
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    await _hand_over(second, lambda: second.restart(OTHER_GAME))

    assert await watch.resume_handed_over.run() == "set going what was handed over: 2"
    for game in (GAME, OTHER_GAME):
        await watch.process.resume(game)
    assert {each.outcome for each in watch.world.operations} == {Outcome.SUCCESS}


async def test_what_goes_on_is_not_set_going_again(watch: Watch) -> None:
    """The next look finds it in good hands."""
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
    """It is marked handed over while its holder has the lease, which is no news either."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    async with watch.world.process().leases.hold(GAME, wait=0):
        assert await watch.resume_handed_over.run() == ""

    assert "store.take_over" not in watch.process.calls
    assert watch.world.last.outcome is None


async def test_what_had_a_holder_at_one_look_is_set_going_at_the_next(watch: Watch) -> None:
    """Only what was set going counts as that: the holder may have given it up."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    async with watch.world.process().leases.hold(GAME, wait=0):
        await watch.resume_handed_over.run()

    assert await watch.resume_handed_over.run() == "set going what was handed over: 1"
    await watch.process.resume()
    assert watch.world.last.outcome is Outcome.SUCCESS


async def test_operation_of_a_dead_process_is_left_to_the_reconciliation(watch: Watch) -> None:
    """It has not been handed over: its process may live, as far as anyone knows."""
    watch.world.manager.on("host.stop:done", watch.world.manager.die)
    with pytest.raises(Killed):
        await watch.world.manager.patch()
    watch.world.manager.lease_connection.abandon()
    watch.world.after_the_lease()

    assert await watch.resume_handed_over.run() == ""
    assert watch.world.last.outcome is None


async def test_docker_that_is_away_is_waited_for(watch: Watch) -> None:
    """Nothing is taken over only to be handed over again; it goes on when Docker is back."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    watch.world.docker.reachable = False
    with pytest.raises(DockerUnavailable):
        await watch.resume_handed_over.run()
    assert "store.take_over" not in watch.process.calls
    watch.world.docker.reachable = True

    await watch.resume_handed_over.run()
    await watch.process.resume()

    assert watch.world.last.outcome is Outcome.SUCCESS


async def test_what_could_not_go_on_is_left_to_the_reconciliation(watch: Watch) -> None:
    """This process has handed it over once more: it is not tried every second."""
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


async def test_what_was_seen_at_work_is_not_set_going_again(watch: Watch) -> None:
    """A look that falls into the attempt, when nothing is handed over, changes nothing."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    hang = Hang()
    watch.process.on("host.stop", hang)
    await watch.resume_handed_over.run()
    await hang.reached.wait()
    assert await watch.resume_handed_over.run() == ""
    await watch.process.shut_down()

    assert await watch.resume_handed_over.run() == ""
    await watch.process.resume()


async def test_next_operation_of_the_same_game_is_set_going(watch: Watch) -> None:
    """Between two looks the first has ended and another was handed over."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    await watch.resume_handed_over.run()
    await watch.process.resume()
    other = watch.world.process()
    await _hand_over(other, other.restart)

    assert await watch.resume_handed_over.run() == "set going what was handed over: 1"
    await watch.process.resume()
    assert watch.world.last.outcome is Outcome.SUCCESS


@pytest.mark.parametrize("call", ["store.handed_over", "lease.acquire"])
async def test_store_that_is_away_is_told(watch: Watch, call: str) -> None:
    """The worker knows of the outage, and tries again at its next look."""
    await _hand_over(watch.world.manager, watch.world.manager.patch)
    watch.process.on(call, ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        await watch.resume_handed_over.run()
    assert await watch.resume_handed_over.run() != ""
    await watch.process.resume()
    assert watch.world.last.outcome is Outcome.SUCCESS


async def _hand_over(process: Process, work: Callable[[], Awaitable[object]]) -> None:
    """Cut the process off in the middle of the work, while it stops the old engine."""
    hang = Hang()
    process.on("host.stop", hang)
    asked = asyncio.ensure_future(work())
    await hang.reached.wait()
    await process.shut_down()
    await asyncio.gather(asked, return_exceptions=True)
