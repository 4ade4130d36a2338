"""What waits in the job streams, as a real Redis counts it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from rtmanager.adapters.redis import consumer_group
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

    assert await backlogs(jobs).read() == [
        Backlog(START, 2, added_at(first)),
        Backlog(STOP, 1, added_at(stop)),
    ]


@pytest.mark.parametrize("answer", ["lag", "no_lag"])
async def test_jobs_wait_until_they_are_acknowledged(jobs: RedisJobs, answer: str) -> None:
    """Those that are being worked on count, and the oldest of all is the oldest."""
    await jobs.here.reclaim()
    for game in ("g1", "g2", "g3"):
        await jobs.start(game)
    first, second = await jobs.here.read(count=2, block=0.1)
    await jobs.here.acknowledge(first)
    script = consumer_group._BACKLOG  # noqa: SLF001 - as an older server answers it
    with pytest.MonkeyPatch.context() as patch:
        if answer == "no_lag":
            patch.setattr(consumer_group, "_BACKLOG", script.replace("facts.lag", "nil"))
        (waiting, _) = await backlogs(jobs).read()

    assert waiting == Backlog(START, 2, added_at(second.entry_id))


async def test_nothing_waits_when_all_are_acknowledged(jobs: RedisJobs) -> None:
    """The entries may still be in the stream."""
    await jobs.here.reclaim()
    await jobs.start("g1")
    for entry in await jobs.here.read(count=1, block=0.1):
        await jobs.here.acknowledge(entry)

    assert await backlogs(jobs).read() == [Backlog(START, 0), Backlog(STOP, 0)]


async def test_redis_that_is_away_is_unavailable(jobs: RedisJobs) -> None:
    """The caller shows the rest."""
    jobs.go_away()

    with pytest.raises(ServiceUnavailable):
        await backlogs(jobs).read()
