"""What only a real Redis shows of leases: its errors, its clock, slow and lost replies."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from rtmanager.adapters.redis.client import RedisClient, RedisLogin
from rtmanager.adapters.redis.game_lease import RedisGameLeases
from rtmanager.adapters.redis.lease_key import LeaseKey, lease_key, lease_number_key
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.installation import Installation
from rtmanager.domain.ports.game_lease import GameLeases, LeaseLost
from tests.contract.ports.leases import INSTALLATION, TTL, open_leases
from tests.support.proxy import Proxy

GAME = GameId("chess-7")
OTHER = GameId("go-3")


@pytest.fixture
async def client(redis_addr: str) -> AsyncIterator[RedisClient]:
    """Return connections to the server."""
    host, _, port = redis_addr.partition(":")
    client = RedisClient(host, int(port))
    yield client
    await client.close()


def leases_of(client: RedisClient, installation_id: str = INSTALLATION) -> RedisGameLeases:
    """Return leases in Redis outside of a test world."""
    ours = Installation(network="galaxy-net")
    ours.identify(installation_id)
    return RedisGameLeases(client, ours, ttl=TTL)


async def take_and_leave(leases: GameLeases, *, wait: float = 0, game_id: GameId = GAME) -> None:
    """Acquire the lease and release it at once."""
    async with leases.hold(game_id, wait=wait) as lease:
        lease.check()


async def test_lease_survives_an_outage_shorter_than_its_ttl(
    redis_addr: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Renewal is retried until the lease expires."""
    async with open_leases(redis_addr) as world, world.here.hold(GAME, wait=0) as lease:
        world.go_away(GAME)
        await world.pass_time(TTL / 2)
        world.come_back()
        await world.pass_time(TTL)

        lease.check()
    assert {record.message for record in caplog.records} == {"lease_not_renewed"}
    assert "Redis is not available" in vars(caplog.records[0])["error"]


async def test_lost_lease_is_logged(redis_addr: str, caplog: pytest.LogCaptureFixture) -> None:
    """A lost lease is logged once, with its game and its key."""
    async with open_leases(redis_addr) as world, world.here.hold(GAME, wait=0):
        await world.steal(GAME)
        await world.pass_time(TTL)

    (record,) = caplog.records
    assert (record.levelno, record.message) == (logging.WARNING, "lease_lost")
    assert vars(record)["game_id"] == GAME
    assert vars(record)["lease"] == lease_key(INSTALLATION, GAME)


async def test_lease_that_could_not_be_released_is_logged(
    redis_addr: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A failed release is logged with the time of expiry, and raises nothing."""
    async with open_leases(redis_addr) as world:
        async with world.here.hold(GAME, wait=0):
            world.go_away(GAME)

        assert caplog.records[-1].message == "lease_not_released"
        assert vars(caplog.records[-1])["game_id"] == GAME
        assert vars(caplog.records[-1])["expires_within_seconds"] == TTL


async def test_hung_redis_raises_service_unavailable(redis_addr: str) -> None:
    """A server that accepts connections but does not answer is given up within seconds."""
    host, _, port = redis_addr.partition(":")
    with Proxy((host, int(port))) as proxy:
        client = RedisClient("127.0.0.1", proxy.port)
        leases = leases_of(client)
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
    """The message names Redis and hides the password."""
    host, _, port = redis_addr.partition(":")
    client = RedisClient(host, int(port), login=RedisLogin(password="wrong-secret"))

    with pytest.raises(ServiceUnavailable, match="Redis") as raised:
        await client.ping()

    assert "wrong-secret" not in str(raised.value)
    await client.close()


async def test_leaving_survives_a_swallowed_cancellation(
    redis_addr: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving releases the lease even if Python 3.11's wait_for swallows the cancellation.

    Otherwise the renewal, the game's lease and the caller's wait would never end.
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

        assert done, "the lease is held forever"
        assert await world.is_free(GAME)


async def test_key_is_the_documented_one(client: RedisClient) -> None:
    """The lease has the documented key, with its time to live."""
    async with leases_of(client, "i1").hold(GAME, wait=0):
        left = await client.commands.pttl("rtmanager:i1:game_lease:Y2hlc3MtNw==")

    assert TTL * 1000 - 500 < left <= TTL * 1000


async def test_last_number_is_kept_for_good(client: RedisClient) -> None:
    """The last number outlives every lease, exact to the last digit."""
    async with leases_of(client).hold(GAME, wait=0) as lease:
        drawn = lease.number

    key = lease_number_key(INSTALLATION)
    assert key == f"rtmanager:{INSTALLATION}:lease_number"
    assert await client.commands.get(key) == str(drawn).encode()
    assert await client.commands.pttl(key) == -1


async def test_two_installations_do_not_interfere(client: RedisClient) -> None:
    """Each installation has its own lease of a game with the same id."""
    async with leases_of(client, "i1").hold(GAME, wait=0):
        await take_and_leave(leases_of(client, "i2"))


async def test_lease_counts_from_before_it_was_asked_for(redis_addr: str) -> None:
    """The lease's time counts from the request, because the time of the grant is unknown."""
    host, _, port = redis_addr.partition(":")
    with Proxy((host, int(port))) as proxy:
        client = RedisClient("127.0.0.1", proxy.port)
        leases = leases_of(client)
        await client.ping()
        asyncio.get_running_loop().call_later(TTL / 2, proxy.pass_on)
        proxy.hang()
        asked_at = time.monotonic()
        async with leases.hold(GAME, wait=5) as lease:
            lease.check()
            proxy.refuse()
            await asyncio.sleep(asked_at + TTL - time.monotonic())

            with pytest.raises(LeaseLost):
                lease.check()
        await client.close()


async def test_trap_redis_refuses_once(client: RedisClient) -> None:
    """A server that lacks replicas for a moment does not end a renewal."""
    async with leases_of(client).hold(GAME, wait=0) as lease:
        await client.commands.config_set("min-replicas-to-write", 1)
        try:
            await asyncio.sleep(TTL / 2)
            with pytest.raises(ServiceUnavailable, match="NOREPLICAS"):
                await take_and_leave(leases_of(client), game_id=OTHER)
        finally:
            await client.commands.config_set("min-replicas-to-write", 0)
        await asyncio.sleep(TTL)

        lease.check()


@asynccontextmanager
async def refusing_server(refusal: str) -> AsyncIterator[RedisClient]:
    """Yield a client of a server that answers every command with the refusal."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(f"-{refusal}\r\n".encode() * data.count(b"*"))
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    client = RedisClient("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield client
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "refusal",
    [
        "NOREPLICAS Not enough good replicas to write.",
        "MISCONF Errors writing to the AOF file: No space left on device",
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "CLUSTERDOWN The cluster is down",
        "DENIED Running in protected mode because protected mode is enabled",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "READONLY You can't write against a read only replica.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "ERR Error running script (call to f_12): @user_script:1: @user_script: 1: -MISCONF Errors",
        "ERR Error running script (call to f_12): @user_script:1: -READONLY You can't write",
    ],
)
async def test_trap_redis_refuses_once_in_any_wording(refusal: str) -> None:
    """Every temporary refusal counts as an outage, also as older servers' scripts word it."""
    async with refusing_server(refusal) as client:
        leases = leases_of(client)
        with pytest.raises(ServiceUnavailable, match="Redis is not available") as raised:
            await take_and_leave(leases)

        assert type(raised.value) is ServiceUnavailable
        await leases.close()


async def test_fault_of_our_own_command_is_not_an_outage() -> None:
    """An error in our own command is raised as such."""
    refusal = "ERR Error compiling script (new function): user_script:1: BUSY near 'MISCONF'"
    async with refusing_server(refusal) as client:
        leases = leases_of(client)
        with pytest.raises(Exception, match="compiling") as raised:
            await take_and_leave(leases)

        assert not isinstance(raised.value, ServiceUnavailable)
        await leases.close()


async def test_renewal_survives_an_unexpected_error(
    client: RedisClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error is logged with its trace, and renewal continues."""
    renew, faults = LeaseKey.renew, [ZeroDivisionError("nobody foresaw it")]

    async def fail_once(key: LeaseKey) -> Any:
        if faults:
            raise faults.pop()
        return await renew(key)

    monkeypatch.setattr(LeaseKey, "renew", fail_once)
    with caplog.at_level(logging.ERROR):
        async with leases_of(client).hold(GAME, wait=0) as lease:
            await asyncio.sleep(1.5 * TTL)

            lease.check()
            assert await client.commands.exists(lease_key(INSTALLATION, GAME))
    assert [record.message for record in caplog.records] == ["lease_not_renewed"]
    assert "nobody foresaw it" in caplog.text
