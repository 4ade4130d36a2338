"""What waits in the job streams, as a real Redis counts it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from rtmanager.adapters.redis.job_backlogs import RedisJobBacklogs
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.ports.backlogs import Backlog
from rtmanager.domain.ports.job_stream import JobKind
from tests.contract.ports.job_streams import GROUP, LAYOUT, RedisJobs, open_jobs

START, STOP = (LAYOUT.jobs[kind] for kind in JobKind)


@pytest.fixture
async def jobs(redis_addr: str) -> AsyncIterator[RedisJobs]:
    """Return job streams in Redis, whose groups do not exist yet."""
    async with open_jobs(redis_addr) as world:
        assert isinstance(world, RedisJobs)
        yield world


def backlogs(jobs: RedisJobs) -> RedisJobBacklogs:
    """Return what the first process would show, with the service's rights."""
    return RedisJobBacklogs(jobs.clients[0], LAYOUT, group=GROUP)


async def counted(jobs: RedisJobs) -> list[tuple[int, datetime | None]]:
    """Return how many wait in each stream, and since when."""
    return [(each.waiting, each.oldest_at) for each in await backlogs(jobs).read()]


def added_at(entry_id: str) -> datetime:
    """Return the time in an entry's id."""
    return datetime.fromtimestamp(int(entry_id.partition("-")[0]) / 1000, UTC)


async def test_streams_that_do_not_exist_are_empty(jobs: RedisJobs) -> None:
    """Nobody has sent a job yet."""
    assert await backlogs(jobs).read() == [Backlog(START, 0), Backlog(STOP, 0)]


async def test_jobs_that_nobody_has_read_wait(jobs: RedisJobs) -> None:
    """Also before there is a group to read them."""
    first = await jobs.start("g1")
    await jobs.start("g2")
    stop = await jobs.stop("g1")

    assert await counted(jobs) == [(2, added_at(first)), (1, added_at(stop))]


async def test_jobs_wait_until_they_are_acknowledged(jobs: RedisJobs) -> None:
    """Those that are being worked on count, and the oldest of all is the oldest."""
    await jobs.here.reclaim()
    for game in ("g1", "g2", "g3"):
        await jobs.start(game)
    first, second = await jobs.here.read(count=2, block=0.1)
    await jobs.here.acknowledge([first])

    assert await counted(jobs) == [(2, added_at(second.entry_id)), (0, None)]


async def test_jobs_are_counted_although_the_server_has_lost_count(jobs: RedisJobs) -> None:
    """A deletion amid the stream makes the server forget how many follow."""
    await jobs.here.reclaim()
    ids = [await jobs.start(f"g{number}") for number in range(5)]
    await jobs.here.read(count=1, block=0.1)
    await jobs.redis.xdel(START, ids[2])

    assert await counted(jobs) == [(4, added_at(ids[0])), (0, None)]


async def test_age_is_by_the_clock_of_redis(jobs: RedisJobs) -> None:
    """The oldest counts, whether it was delivered or not; one from the future has no age."""
    await jobs.here.reclaim()
    seconds, micros = await jobs.redis.time()
    now = round(1000 * (seconds + micros / 1e6))
    for entry_id in (now - 50_000, now - 20_000):
        await jobs.redis.xadd(START, {"game_id": "g"}, id=f"{entry_id}-0")
    await jobs.redis.xadd(STOP, {"game_id": "g"}, id=f"{now + 60_000}-0")
    undelivered, future = await backlogs(jobs).read()
    (first,) = await jobs.here.read(count=1, block=0.1)
    delivered, _ = await backlogs(jobs).read()
    await jobs.here.acknowledge([first])
    acknowledged, _ = await backlogs(jobs).read()

    assert 50 <= undelivered.age <= delivered.age < 60
    assert 20 <= acknowledged.age < 30
    assert (future.waiting, future.age) == (1, 0.0)


async def test_nothing_waits_when_all_are_acknowledged(jobs: RedisJobs) -> None:
    """The entries may still be in the stream."""
    await jobs.here.reclaim()
    await jobs.start("g1")
    for entry in await jobs.here.read(count=1, block=0.1):
        await jobs.here.acknowledge([entry])

    assert await backlogs(jobs).read() == [Backlog(START, 0), Backlog(STOP, 0)]


async def test_redis_that_is_away_is_unavailable(jobs: RedisJobs) -> None:
    """The caller shows the rest."""
    jobs.go_away()

    with pytest.raises(ServiceUnavailable):
        await backlogs(jobs).read()
