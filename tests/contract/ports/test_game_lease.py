import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.game_lease import RedisGameLeases
from rtmanager.adapters.redis.game_queues import GameQueues
from rtmanager.adapters.redis.lease_key import LeaseKey
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.game_lease import GameLeases, LeaseBusy, LeaseLost
from tests.builders import GAME
from tests.contract.ports.leases import TTL, LeaseWorld, open_leases
from tests.services.proxy import Proxy

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
    """Hold the lease for a moment."""
    async with leases.hold(game_id, wait=wait) as lease:
        lease.check()


async def test_lease_that_is_held_is_surely_ours(world: LeaseWorld) -> None:
    """A fresh lease passes its check."""
    async with world.here.hold(GAME, wait=0) as lease:
        lease.check()

        assert not await world.is_free(GAME)


async def test_leaving_the_block_releases_the_lease(world: LeaseWorld) -> None:
    """The next holder need not wait for an expiry."""
    await take_and_leave(world.here)

    assert await world.is_free(GAME)


async def test_leaving_by_an_error_releases_the_lease(world: LeaseWorld) -> None:
    """The block's own error comes out, and the lease is free."""
    with pytest.raises(ZeroDivisionError):
        async with world.here.hold(GAME, wait=0):
            raise ZeroDivisionError

    assert await world.is_free(GAME)


async def test_leaving_by_cancellation_releases_the_lease(world: LeaseWorld) -> None:
    """A cancelled holder gives back what it has, however often it is cancelled."""
    held = asyncio.Event()

    async def hold_for_ever() -> None:
        async with world.here.hold(GAME, wait=0):
            held.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold_for_ever())
    await held.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([task])

    assert task.cancelled()
    assert await world.is_free(GAME)


async def test_second_caller_of_one_process_is_busy(world: LeaseWorld) -> None:
    """One lease per game; zero wait tries once."""
    async with world.here.hold(GAME, wait=0):
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.here)


async def test_caller_of_another_process_is_busy(world: LeaseWorld) -> None:
    """The lease holds across processes."""
    async with world.here.hold(GAME, wait=0):
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.there)


async def test_waiting_ends_with_busy(world: LeaseWorld) -> None:
    """A caller waits as long as it said and no longer."""
    async with world.here.hold(GAME, wait=0):
        for leases in (world.here, world.there):
            with pytest.raises(LeaseBusy):
                await take_and_leave(leases, wait=0.05)


async def test_busy_caller_leaves_the_lease_to_its_holder(world: LeaseWorld) -> None:
    """Who did not get the lease releases nothing."""
    async with world.here.hold(GAME, wait=0) as lease:
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.there)

        assert not await world.is_free(GAME)
        lease.check()


async def test_other_games_are_not_in_the_way(world: LeaseWorld) -> None:
    """Leases block their own game only."""
    async with world.here.hold(GAME, wait=0):
        await take_and_leave(world.here, game_id=OTHER)
        await take_and_leave(world.there, game_id=OTHER)


@pytest.mark.parametrize("game_id", ["\0", "\ud800", "a/b", "🎲", "x" * 10_000, ""])
async def test_any_id_has_a_lease_of_its_own(world: LeaseWorld, game_id: str) -> None:
    """Ids are opaque here, whatever their bytes."""
    async with world.here.hold(GameId(game_id), wait=0):
        await take_and_leave(world.there, game_id=GameId(game_id + "x"))
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.there, game_id=GameId(game_id))


async def test_waiter_gets_the_lease_when_it_is_released(world: LeaseWorld) -> None:
    """A wait is rewarded, in the same process and in another."""
    for leases in (world.here, world.there):
        async with world.here.hold(GAME, wait=0):
            waiter = asyncio.create_task(take_and_leave(leases, wait=5))
            await asyncio.sleep(0)
        await waiter


async def test_callers_of_one_process_are_served_in_order(world: LeaseWorld) -> None:
    """First come, first served."""
    served: list[int] = []

    async def queue_up(number: int) -> None:
        async with world.here.hold(GAME, wait=30):
            served.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(queue_up(number) for number in range(20)))

    assert served == list(range(20))


async def test_caller_that_gives_up_leaves_the_queue(world: LeaseWorld) -> None:
    """Those behind it are served."""
    async with world.here.hold(GAME, wait=0):
        impatient = asyncio.create_task(take_and_leave(world.here, wait=30))
        patient = asyncio.create_task(take_and_leave(world.here, wait=30))
        await asyncio.sleep(0)
        impatient.cancel()
    await patient

    assert await world.is_free(GAME)


async def test_lease_outlives_its_ttl_while_it_is_held(world: LeaseWorld) -> None:
    """Renewal needs no doing of the holder's."""
    async with world.here.hold(GAME, wait=0) as lease:
        await world.pass_time(2 * TTL)

        lease.check()
        with pytest.raises(LeaseBusy):
            await take_and_leave(world.there)


async def test_stolen_lease_is_lost(world: LeaseWorld) -> None:
    """The holder hears of it by the next renewal."""
    async with world.here.hold(GAME, wait=0) as lease:
        await world.steal(GAME)
        await world.pass_time(TTL / 2)

        with pytest.raises(LeaseLost):
            lease.check()


async def test_leaving_never_releases_another_s_lease(world: LeaseWorld) -> None:
    """Only the own token is deleted."""
    async with world.here.hold(GAME, wait=0):
        await world.steal(GAME)

    assert await world.is_stolen(GAME)


async def test_lease_that_cannot_be_renewed_is_lost_after_its_ttl(world: LeaseWorld) -> None:
    """Not sooner, so that a short outage stops nothing."""
    async with world.here.hold(GAME, wait=0) as lease:
        world.go_away(GAME)
        lease.check()
        await world.pass_time(TTL * 1.1)

        with pytest.raises(LeaseLost):
            lease.check()


async def test_lease_survives_an_outage_shorter_than_its_ttl(redis_addr: str) -> None:
    """Renewal tries again until it is too late; the double knows lasting outages only."""
    async with open_leases(redis_addr) as world, world.here.hold(GAME, wait=0) as lease:
        world.go_away(GAME)
        await world.pass_time(TTL / 2)
        world.come_back()
        await world.pass_time(TTL)

        lease.check()


async def test_lease_that_cannot_be_released_expires(world: LeaseWorld) -> None:
    """Leaving raises nothing, and the game is free after a TTL."""
    async with world.here.hold(GAME, wait=0):
        world.go_away(GAME)
    await world.pass_time(TTL * 1.1)

    await take_and_leave(world.there)


async def test_lease_whose_grant_was_not_answered_is_given_back(world: LeaseWorld) -> None:
    """A lost reply to the acquisition strands nothing."""
    world.lose_reply_to_acquire()

    with pytest.raises(ServiceUnavailable):
        await take_and_leave(world.here, wait=5)

    assert await world.is_free(GAME)


async def test_unreachable_store_raises_service_unavailable(world: LeaseWorld) -> None:
    """Neither busy nor lost: unavailable."""
    world.go_away(GAME)

    for call in (take_and_leave(world.here, wait=5), world.here.ping()):
        with pytest.raises(ServiceUnavailable) as raised:
            await call
        assert type(raised.value) is ServiceUnavailable


async def test_store_that_came_back_grants_again(world: LeaseWorld) -> None:
    """An outage needs no restart of ours."""
    await take_and_leave(world.here)
    world.go_away(GAME)
    with pytest.raises(ServiceUnavailable):
        await world.here.ping()
    world.come_back()

    await take_and_leave(world.here)


async def test_hung_redis_raises_service_unavailable(redis_addr: str) -> None:
    """A server that accepts and does not answer is given up within seconds."""
    host, _, port = redis_addr.partition(":")
    with Proxy((host, int(port))) as proxy:
        client = RedisClient("127.0.0.1", proxy.port)
        leases = RedisGameLeases(client, ttl=TTL)
        await take_and_leave(leases)
        proxy.hang()

        async with asyncio.timeout(4):
            with pytest.raises(ServiceUnavailable, match="Redis"):
                await take_and_leave(leases, wait=30)

        proxy.pass_on()
        await leases.close()
        await take_and_leave(leases, wait=1)
        await client.close()


async def test_wrong_password_raises_service_unavailable(redis_addr: str) -> None:
    """The message names Redis and keeps the password to itself."""
    host, _, port = redis_addr.partition(":")
    client = RedisClient(host, int(port), password="wrong-secret")

    with pytest.raises(ServiceUnavailable, match="Redis") as raised:
        await client.ping()

    assert "wrong-secret" not in str(raised.value)
    await client.close()


async def test_leaving_does_not_rely_on_a_cancellation_that_is_heard(
    redis_addr: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11's wait_for may swallow a renewal's cancellation: the lease ends all the same.

    Else the renewal would go on for ever, and with it the game's lease and the caller's wait.
    """
    renewing = asyncio.Event()

    async def renew_deaf_once(_: LeaseKey) -> bool:
        if not renewing.is_set():
            renewing.set()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        return True

    async def leave_while_renewing(leases: GameLeases) -> None:
        async with leases.hold(GAME, wait=0):
            await renewing.wait()

    monkeypatch.setattr(LeaseKey, "renew", renew_deaf_once)
    async with open_leases(redis_addr) as world:
        leaving = asyncio.create_task(leave_while_renewing(world.here))
        done, _ = await asyncio.wait([leaving], timeout=5)

        assert done, "the lease is held for ever"
        assert await world.is_free(GAME)


async def test_games_that_nobody_wants_are_forgotten() -> None:
    """Locks of this process do not pile up with the games it has seen."""
    queues = GameQueues()
    async with queues.turn(GAME, wait=0):
        with pytest.raises(LeaseBusy):
            async with queues.turn(GAME, wait=0):
                pytest.fail("both had their turn")

        assert len(queues) == 1
    assert len(queues) == 0


async def test_key_is_the_documented_one(redis_addr: str) -> None:
    """Operators and other processes find the lease under its name, with its time to live."""
    host, _, port = redis_addr.partition(":")
    client = RedisClient(host, int(port))
    async with RedisGameLeases(client, ttl=60).hold(GAME, wait=0):
        left = await client.commands.pttl("rtmanager:game_lease:Y2hlc3MtNw==")

    assert 59_000 < left <= 60_000
    await client.close()
