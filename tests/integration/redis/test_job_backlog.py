from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.job_backlog import JobBacklog, RedisJobBacklog
from rtmanager.domain.ports.job_stream import JobKind
from tests.support.databases import REDIS_LOGIN

GROUP, START, STOP = "rtmanager", "runtime:start_jobs", "runtime:stop_jobs"
NONE = JobBacklog(0, 0.0)


class Streams:
    """The streams, read with the rights of the service and written by anybody."""

    def __init__(self, client: RedisClient) -> None:
        streams = {JobKind.START: START, JobKind.STOP: STOP}
        self.redis = Redis(connection_pool=client.commands.connection_pool)
        self.backlog = RedisJobBacklog(client, streams, group=GROUP)

    async def add(self, seconds_ago: float) -> str:
        """Add a start job that has waited this long."""
        seconds, micros = await self.redis.time()
        entry_id = f"{round(1000 * (seconds + micros / 1e6 - seconds_ago))}-0"
        await self.redis.xadd(START, {"game_id": "g"}, id=entry_id)
        return entry_id

    async def deliver(self, count: int) -> None:
        """Deliver the next entries to a consumer."""
        await self.redis.xreadgroup(GROUP, "c1", {START: ">"}, count=count)

    async def starts(self) -> JobBacklog:
        """Return the backlog of the start jobs; there are no stop jobs."""
        found = await self.backlog.read_backlog()
        assert found[JobKind.STOP] == NONE
        return found[JobKind.START]


@pytest.fixture
async def streams(redis_addr: str) -> AsyncIterator[Streams]:
    """Return the streams of a server, which do not exist yet."""
    host, _, port = redis_addr.rpartition(":")
    client = RedisClient(host, int(port), login=REDIS_LOGIN)
    yield Streams(client)
    await client.close()


async def test_streams_that_do_not_exist_have_no_backlog(streams: Streams) -> None:
    """Before the first job there is nothing to read."""
    assert await streams.starts() == NONE


async def test_jobs_before_the_group_exists_wait(streams: Streams) -> None:
    """The Lobby may send jobs before the service has ever run."""
    await streams.add(50)
    await streams.add(20)

    backlog = await streams.starts()
    assert backlog.waiting == 2
    assert 50 <= backlog.oldest < 60


async def test_a_job_waits_until_it_is_acknowledged(streams: Streams) -> None:
    """Delivered ones wait as well as those that nobody has read; the oldest counts."""
    await streams.redis.xgroup_create(START, GROUP, id="0", mkstream=True)
    first = await streams.add(50)
    second = await streams.add(20)
    await streams.deliver(1)
    both = await streams.starts()
    await streams.redis.xack(START, GROUP, first)
    one = await streams.starts()
    await streams.deliver(1)
    await streams.redis.xack(START, GROUP, second)

    assert (both.waiting, one.waiting) == (2, 1)
    assert both.oldest >= 50 > one.oldest >= 20
    assert await streams.starts() == NONE


async def test_jobs_are_counted_although_the_server_has_lost_count(streams: Streams) -> None:
    """A deletion amid the stream makes the server forget how many follow."""
    await streams.redis.xgroup_create(START, GROUP, id="0", mkstream=True)
    ids = [await streams.add(50 - number) for number in range(5)]
    await streams.deliver(1)
    await streams.redis.xdel(START, ids[2])

    backlog = await streams.starts()
    assert backlog.waiting == 4
    assert backlog.oldest >= 50
