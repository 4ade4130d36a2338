import asyncio
from collections.abc import AsyncIterator

import pytest

from rtmanager.adapters.redis.game_lease import GameQueues
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber
from rtmanager.domain.ports.game_lease import NO_LEASE, GameLeases, LeaseBusy, LeaseLost
from tests.contract.ports.leases import TTL, LeaseWorld, open_leases

GAME = GameId("chess-7")
OTHER = GameId("go-3")


@pytest.fixture(params=["memory", "redis"])
def address(request: pytest.FixtureRequest) -> str | None:
    """Return the server of the leases under test; None for those in memory."""
    return request.getfixturevalue("redis_addr") if request.param == "redis" else None


@pytest.fixture
async def world(address: str | None) -> AsyncIterator[LeaseWorld]:
    """Return the leases under test."""
    async with open_leases(address) as opened:
        yield opened


async def take_and_leave(leases: GameLeases, *, wait: float = 0, game_id: GameId = GAME) -> None:
    """Acquire the lease and release it at once."""
    async with leases.hold(game_id, wait=wait) as lease:
        lease.check()


async def number_of(
    leases: GameLeases, *, game_id: GameId = GAME, above: LeaseNumber = NO_LEASE
) -> LeaseNumber:
    """Acquire the lease, release it, and return its number."""
    async with leases.hold(game_id, wait=0, above=above) as lease:
        return lease.number


async def test_held_lease_passes_its_check(world: LeaseWorld) -> None:
    """A fresh lease passes its check."""
    async with world.here.hold(GAME, wait=0) as lease:
        lease.check()

        assert not await world.is_free(GAME)


async def test_leaving_the_block_releases_the_lease(world: LeaseWorld) -> None:
    """Leaving the block releases the lease at once, not at its expiry."""
    await take_and_leave(world.here)

    assert await world.is_free(GAME)


async def test_leaving_by_an_error_releases_the_lease(world: LeaseWorld) -> None:
    """An error in the block releases the lease and is raised unchanged."""
    with pytest.raises(ZeroDivisionError):
        async with world.here.hold(GAME, wait=0):
            raise ZeroDivisionError

    assert await world.is_free(GAME)


async def test_leaving_by_cancellation_releases_the_lease(world: LeaseWorld) -> None:
    """A cancelled holder releases the lease, however often it is cancelled."""
    held = asyncio.Event()

    async def hold_forever() -> None:
        async with world.here.hold(GAME, wait=0):
            held.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold_forever())
    await held.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([task])

    assert task.cancelled()
    assert await world.is_free(GAME)


async def test_second_caller_of_one_process_is_busy(world: LeaseWorld) -> None:
    """With no wait, a second caller of one process tries once and gets LeaseBusy."""
    async with world.here.hold(GAME, wait=0):
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.here)


async def test_caller_of_another_process_is_busy(world: LeaseWorld) -> None:
    """The lease excludes other processes."""
    async with world.here.hold(GAME, wait=0):
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.there)


async def test_waiting_ends_with_busy(world: LeaseWorld) -> None:
    """A caller waits exactly as long as it asked for."""
    async with world.here.hold(GAME, wait=0):
        for leases in (world.here, world.there):
            with pytest.raises(LeaseBusy):
                await take_and_leave(leases, wait=0.05)


async def test_busy_caller_leaves_the_lease_to_its_holder(world: LeaseWorld) -> None:
    """A caller that did not get the lease does not release it."""
    async with world.here.hold(GAME, wait=0) as lease:
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.there)

        assert not await world.is_free(GAME)
        lease.check()


async def test_other_games_are_not_in_the_way(world: LeaseWorld) -> None:
    """A lease blocks only its own game."""
    async with world.here.hold(GAME, wait=0):
        await take_and_leave(world.here, game_id=OTHER)
        await take_and_leave(world.there, game_id=OTHER)


@pytest.mark.parametrize("game_id", ["\0", "\ud800", "a/b", "🎲", "x" * 10_000, ""])
async def test_any_id_has_a_lease_of_its_own(world: LeaseWorld, game_id: str) -> None:
    """Ids are opaque to the lease, whatever their bytes."""
    async with world.here.hold(GameId(game_id), wait=0):
        await take_and_leave(world.there, game_id=GameId(game_id + "x"))
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.there, game_id=GameId(game_id))


async def test_waiter_gets_the_lease_when_it_is_released(world: LeaseWorld) -> None:
    """A waiter of the same or another process gets the lease once it is released."""
    for leases in (world.here, world.there):
        async with world.here.hold(GAME, wait=0):
            waiter = asyncio.create_task(take_and_leave(leases, wait=5))
            await asyncio.sleep(0)
        await waiter


async def test_callers_of_one_process_are_served_in_order(world: LeaseWorld) -> None:
    """Waiting callers of one process are served first come, first served."""
    served: list[int] = []

    async def queue_up(number: int) -> None:
        async with world.here.hold(GAME, wait=30):
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(queue_up(number) for number in range(20)))

    assert served == list(range(20))


async def test_caller_that_gives_up_leaves_the_queue(world: LeaseWorld) -> None:
    """Callers queued behind one that gives up are still served."""
    async with world.here.hold(GAME, wait=0):
        impatient = asyncio.create_task(take_and_leave(world.here, wait=30))
        patient = asyncio.create_task(take_and_leave(world.here, wait=30))
        await asyncio.sleep(0)
        impatient.cancel()
    await patient

    assert await world.is_free(GAME)


async def test_lease_outlives_its_ttl_while_it_is_held(world: LeaseWorld) -> None:
    """A held lease is renewed automatically."""
    async with world.here.hold(GAME, wait=0) as lease:
        await world.pass_time(2 * TTL)

        lease.check()
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.there)


async def test_stolen_lease_is_lost(world: LeaseWorld) -> None:
    """The holder learns of a stolen lease by the next renewal."""
    async with world.here.hold(GAME, wait=0) as lease:
        await world.steal(GAME)
        await world.pass_time(TTL / 2)

        with pytest.raises(LeaseLost):
            lease.check()


async def test_leaving_never_releases_another_s_lease(world: LeaseWorld) -> None:
    """A release deletes only the holder's own token."""
    async with world.here.hold(GAME, wait=0):
        await world.steal(GAME)

    assert await world.is_stolen(GAME)


async def test_lease_that_cannot_be_renewed_is_lost_after_its_ttl(world: LeaseWorld) -> None:
    """A lease is lost only after its TTL, so that a short outage stops nothing."""
    async with world.here.hold(GAME, wait=0) as lease:
        world.go_away(GAME)
        lease.check()
        await world.pass_time(TTL * 1.1)

        with pytest.raises(LeaseLost):
            lease.check()


async def test_lease_that_cannot_be_released_expires(world: LeaseWorld) -> None:
    """A failed release raises nothing, and the lease expires after its TTL."""
    async with world.here.hold(GAME, wait=0):
        world.go_away(GAME)
    await world.pass_time(TTL * 1.1)

    await take_and_leave(world.there)


async def test_lease_whose_grant_was_not_answered_is_given_back(world: LeaseWorld) -> None:
    """A lost reply to the acquisition does not leave the lease taken."""
    world.lose_reply_to_acquire()

    with pytest.raises(ServiceUnavailable):
        await take_and_leave(world.here, wait=5)

    assert await world.is_free(GAME)


async def test_unreachable_store_raises_service_unavailable(world: LeaseWorld) -> None:
    """An unreachable store is reported as unavailable, neither as busy nor as lost."""
    world.go_away(GAME)

    for call in (take_and_leave(world.here, wait=5), world.here.ping()):
        with pytest.raises(ServiceUnavailable) as raised:
            await call
        assert type(raised.value) is ServiceUnavailable


async def test_store_that_came_back_grants_again(world: LeaseWorld) -> None:
    """Leases are granted again after an outage, without a restart of ours."""
    await take_and_leave(world.here)
    world.go_away(GAME)
    with pytest.raises(ServiceUnavailable):
        await world.here.ping()
    world.come_back()

    await take_and_leave(world.here)


async def test_games_that_nobody_waits_for_are_forgotten() -> None:
    """The process keeps no lock for a game that no one holds or waits for."""
    queues = GameQueues()
    async with queues.turn(GAME, wait=0):
        with pytest.raises(LeaseBusy):
            async with queues.turn(GAME, wait=0):
                pytest.fail("both had their turn")

        assert len(queues) == 1
    assert len(queues) == 0


async def test_each_lease_has_a_larger_number_than_the_one_before(world: LeaseWorld) -> None:
    """Numbers grow from lease to lease, across processes and games."""
    numbers = [
        await number_of(leases, game_id=game_id)
        for leases in (world.here, world.there, world.here)
        for game_id in (GAME, OTHER)
    ]

    assert numbers == sorted(set(numbers))


async def test_number_of_a_lease_stays_while_it_is_held(world: LeaseWorld) -> None:
    """Neither a renewal nor a busy caller draws a new number."""
    async with world.here.hold(GAME, wait=0) as lease:
        drawn = lease.number
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.there)
        await world.pass_time(TTL)

        assert lease.number == drawn


async def test_number_is_not_behind_the_store_s_clock(world: LeaseWorld) -> None:
    """Numbers start at the store's clock, so they keep growing after the store is flushed."""
    before = await number_of(world.here)
    await world.flush()
    await world.pass_time(0.01)
    clock = await world.clock()

    after = await number_of(world.here)

    assert before < clock <= after


async def test_number_grows_though_the_clock_steps_back(world: LeaseWorld) -> None:
    """The store remembers the last number."""
    last = await world.clock() + 3_600_000_000
    await world.be_behind(last)

    assert await number_of(world.here) == last + 1
    assert await number_of(world.there, game_id=OTHER) == last + 2


async def test_number_is_above_what_the_caller_knows(world: LeaseWorld) -> None:
    """After a flush and a clock step, the number still exceeds the one the caller knows."""
    known = LeaseNumber(await world.clock() + 3_600_000_000)

    assert await number_of(world.here, above=known) == known + 1
    assert await number_of(world.there) == known + 2


async def test_number_below_the_clock_changes_nothing(world: LeaseWorld) -> None:
    """The number that the caller knows is a lower bound, not the next number."""
    clock = await world.clock()

    assert await number_of(world.here, above=LeaseNumber(5)) >= clock
