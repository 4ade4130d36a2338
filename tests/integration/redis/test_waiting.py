"""Waiting for jobs: the server says when there is one, and no entry reaches us by it."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from dev.embedded_redis import SERVICE_USER
from rtmanager.adapters.redis.client import RedisClient, RedisTls
from rtmanager.adapters.redis.consumer_group import NEW, ConsumerGroup
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.ports.job_stream import JobKind
from tests.contract.ports.job_streams import GROUP, LAYOUT, RedisJobs, open_jobs
from tests.support.databases import REDIS_LOGIN
from tests.support.tls import server_context, tls_in_front_of

START, STOP = LAYOUT.jobs[JobKind.START], LAYOUT.jobs[JobKind.STOP]
MEGABYTE = 1_000_000
LONG_FIELD = "return redis.call('XADD', KEYS[1], '*', 'game_id', string.rep('x', ARGV[1]))"
MANY_FIELDS = """
local fields = {}
for at = 1, 2 * ARGV[1] do fields[at] = 'ten letters' end
return redis.call('XADD', KEYS[1], '*', unpack(fields))
"""
Add = Callable[[RedisJobs], Awaitable[str]]


@pytest.fixture
async def jobs(redis_addr: str) -> AsyncIterator[RedisJobs]:
    """Return job streams in Redis, with their groups created."""
    async with open_jobs(redis_addr) as world:
        assert isinstance(world, RedisJobs)
        await world.here.reclaim()
        yield world


@asynccontextmanager
async def consumer(host: str, port: int, tls: RedisTls | None = None) -> AsyncIterator[Any]:
    """Yield another consumer of the group."""
    client = RedisClient(host, port, login=REDIS_LOGIN, tls=tls)
    yield ConsumerGroup(client, group=GROUP)
    await client.close()


async def waiting(jobs: RedisJobs, readers: int) -> None:
    """Return once the server has blocked this many readers."""
    async with asyncio.timeout(10):
        while (await jobs.redis.info("clients"))["blocked_clients"] != readers:  # noqa: ASYNC110 - the server sends no notice
            await asyncio.sleep(0.01)


async def begin_to_wait(jobs: RedisJobs) -> "asyncio.Task[Any]":
    """Return a read that the server has blocked."""
    reading = asyncio.create_task(jobs.here.read(count=10, block=60))
    await waiting(jobs, 1)
    return reading


async def calls(jobs: RedisJobs) -> dict[str, int]:
    """Return how often a reader's commands were called; one that waits counts once it ended."""
    counted = await jobs.redis.info("commandstats")
    return {name: counted[f"cmdstat_{name}"]["calls"] for name in ("eval", "xread")}


async def a_start(jobs: RedisJobs) -> str:
    """Add a job."""
    return await jobs.start("go-3")


async def a_stop(jobs: RedisJobs) -> str:
    """Add a job to the other stream."""
    return await jobs.stop("go-3")


async def a_long_field(jobs: RedisJobs) -> str:
    """Add an entry of 20 MB, which this process never has in its memory."""
    return str(await jobs.redis.eval(LONG_FIELD, 1, START, 20 * MEGABYTE))


async def many_fields(jobs: RedisJobs) -> str:
    """Add an entry of 3,000 fields, each of them short."""
    return str(await jobs.redis.eval(MANY_FIELDS, 1, START, 3_000))


EVERYTHING = pytest.mark.parametrize("add", [a_start, a_stop, a_long_field, many_fields])


@EVERYTHING
async def test_a_waiting_reader_is_told_of_an_entry_of_any_size(jobs: RedisJobs, add: Add) -> None:
    """It does nothing until the entry is there, and then reads it at once."""
    await jobs.redis.xread({START: "0"})  # so that there is a count
    reading = await begin_to_wait(jobs)
    before = await calls(jobs)
    added = await add(jobs)

    (entry,) = await reading

    after = await calls(jobs)
    by_the_test = int(add in (a_long_field, many_fields))
    assert entry.entry_id == added
    assert after["eval"] - before["eval"] == 1 + by_the_test
    assert after["xread"] - before["xread"] == 1


async def test_a_wait_in_vain_is_one_command(jobs: RedisJobs) -> None:
    """An idle service asks Redis a few things a second."""
    await jobs.here.read(count=10, block=0.001)
    before = await calls(jobs)

    assert list(await jobs.here.read(count=10, block=0.5)) == []

    after = await calls(jobs)
    assert after["eval"] - before["eval"] == 1
    assert after["xread"] - before["xread"] == 1


@EVERYTHING
async def test_an_entry_added_before_the_wait_ends_it(
    jobs: RedisJobs, redis_addr: str, add: Add
) -> None:
    """Nothing falls between a read that found nothing and the wait after it."""
    host, _, port = redis_addr.partition(":")
    async with consumer(host, int(port)) as group:
        found = await group.read({START: NEW, STOP: NEW}, count=10)
        await add(jobs)
        after = {stream: each.delivered for stream, each in found.items()}

        assert await group.wait(after, seconds=1)


async def test_a_wait_begins_after_what_was_delivered(jobs: RedisJobs, redis_addr: str) -> None:
    """Entries that stay in their stream, done or pending, end no wait."""
    host, _, port = redis_addr.partition(":")
    added = {START: await jobs.start("go-3"), STOP: await jobs.stop("go-3")}
    async with consumer(host, int(port)) as group:
        await group.read({START: NEW, STOP: NEW}, count=10)
        found = await group.read({START: NEW, STOP: NEW}, count=10)
        after = {stream: each.delivered for stream, each in found.items()}

        assert after == added
        assert not await group.wait(after, seconds=0.01)


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_long_entry_is_not_received(
    jobs: RedisJobs, redis_addr: str, tmp_path: Path, *, encrypted: bool
) -> None:
    """The connection is dropped instead, with or without TLS, and the next wait has a new one."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    host, _, number = redis_addr.partition(":")
    await a_long_field(jobs)
    with tls_in_front_of((host, int(number)), server_context(authority, host)) as port:
        tls = RedisTls(ca_file=str(tmp_path / "ca.pem")) if encrypted else None
        async with consumer(host, port if encrypted else int(number), tls) as group:
            tracemalloc.start()
            assert all([await group.wait({START: "0"}, seconds=1) for _ in range(3)])
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert not await group.wait({STOP: "0"}, seconds=0.01)

    assert peak < 5 * MEGABYTE


async def test_an_outage_ends_a_wait(jobs: RedisJobs) -> None:
    """It is reported as one, and reads work again when it is over."""
    reading = await begin_to_wait(jobs)
    jobs.go_away()

    with pytest.raises(ServiceUnavailable):
        await reading
    with pytest.raises(ServiceUnavailable):  # on the other connection
        await jobs.here.reclaim()

    jobs.come_back()
    await jobs.here.reclaim()
    assert list(await jobs.here.read(count=10, block=0.01)) == []
    added = await jobs.start("go-3")
    (entry,) = await jobs.here.read(count=10, block=1)
    assert entry.entry_id == added


async def test_a_cancelled_wait_ends_at_once_and_takes_nothing(jobs: RedisJobs) -> None:
    """An entry that is added later belongs to whoever reads next."""
    for _ in range(10):  # more than there are connections to wait on
        reading = await begin_to_wait(jobs)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await waiting(jobs, 0)
    added = await jobs.start("go-3")

    (entry,) = await jobs.there.read(count=10, block=1)

    assert entry.entry_id == added


async def test_an_administrator_may_end_a_wait(jobs: RedisJobs) -> None:
    """CLIENT UNBLOCK with an error is taken for the loss of the group, as a failover sends it."""
    reading = await begin_to_wait(jobs)
    (waiting,) = [each for each in await jobs.redis.client_list() if "b" in each["flags"]]
    await jobs.redis.client_unblock(waiting["id"], error=True)

    assert list(await reading) == []
    added = await jobs.start("go-3")
    (entry,) = await jobs.here.read(count=10, block=1)
    assert entry.entry_id == added


@pytest.mark.parametrize("right", ["xread", "eval"])
async def test_a_missing_right_is_an_outage(jobs: RedisJobs, right: str) -> None:
    """An operator can grant it; until then jobs wait in their streams."""
    await jobs.redis.execute_command("ACL", "SETUSER", SERVICE_USER, f"-{right}")
    try:
        with pytest.raises(ServiceUnavailable, match="no permissions"):
            await jobs.here.read(count=10, block=0.01)
    finally:
        await jobs.redis.execute_command("ACL", "SETUSER", SERVICE_USER, f"+{right}")
