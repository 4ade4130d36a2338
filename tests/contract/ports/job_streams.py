"""The two kinds of job streams under test, to which the tests add jobs as the Lobby does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from redis.asyncio import Redis

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.streams import InMemoryJobStream, InMemoryStreams
from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.job_stream import RedisJobStream
from rtmanager.adapters.redis.streams import StreamLayout, StreamSchemas
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.operation import StopReason
from rtmanager.domain.ports.job_stream import JobKind, JobStream, MalformedJob, StartJob, StopJob
from tests.support.databases import REDIS_LOGIN
from tests.support.proxy import Proxy

MAXLEN = 3
GROUP = "runtime_manager"
LAYOUT = StreamLayout(maxlen=MAXLEN)
SCHEMAS = StreamSchemas.load()


class JobWorld(Protocol):
    """The job streams of two processes on one store, with injectable faults."""

    here: JobStream
    there: JobStream

    async def start(self, game_id: str) -> str:
        """Add a start job; return its entry id."""

    async def stop(self, game_id: str) -> str:
        """Add a stop job; return its entry id."""

    async def malformed(self, game_id: str) -> str:
        """Add a start job without an image; return its entry id."""

    async def dead(self) -> list[tuple[str, str]]:
        """Return entry id and fault of every dead letter."""

    async def length(self) -> int:
        """Return how many start jobs the store still holds."""

    async def flush(self) -> None:
        """Delete everything, groups and streams."""

    async def lose_group(self) -> None:
        """Delete the record of what was delivered and acknowledged; the entries stay."""

    def go_away(self) -> None:
        """Make the store unreachable for the first process."""

    def come_back(self) -> None:
        """Make it reachable again."""

    def lose_reply_to(self, method: str) -> None:
        """Lose the reply to the first process's next `read`, `acknowledge` or `dead_letter`."""


class MemoryJobs:
    """Two in-memory processes."""

    def __init__(self) -> None:
        self._streams = InMemoryStreams()
        clock = ManualClock()
        first = InMemoryJobStream(self._streams, clock, MAXLEN)
        self.here: JobStream = with_faults(first, "jobs", self._fault)
        self.there: JobStream = InMemoryJobStream(self._streams, clock, MAXLEN)
        self._is_away, self._lost = False, ""

    async def _fault(self, point: str) -> None:
        if self._is_away or point == self._lost:
            self._lost = ""
            raise ServiceUnavailable

    async def start(self, game_id: str) -> str:
        """Add a start job."""
        return self._streams.add(JobKind.START, StartJob(game_id, "galaxy/game:1.4.7")).entry_id

    async def stop(self, game_id: str) -> str:
        """Add a stop job."""
        return self._streams.add(JobKind.STOP, StopJob(game_id, StopReason.FINISHED)).entry_id

    async def malformed(self, game_id: str) -> str:
        """Add a malformed job."""
        job = MalformedJob(game_id, "image_ref is missing")
        return self._streams.add(JobKind.START, job).entry_id

    async def dead(self) -> list[tuple[str, str]]:
        """Read the dead letters."""
        return [(each.entry.entry_id, each.fault) for each in self._streams.dead]

    async def length(self) -> int:
        """Count the entries."""
        return len(self._streams.jobs)

    async def flush(self) -> None:
        """Delete everything."""
        self._streams.flush()

    async def lose_group(self) -> None:
        """Delete the group."""
        self._streams.lose_group()

    def go_away(self) -> None:
        """Refuse every call."""
        self._is_away = True

    def come_back(self) -> None:
        """Let every call through."""
        self._is_away = False

    def lose_reply_to(self, method: str) -> None:
        """Fail once, after the effect."""
        self._lost = f"jobs.{method}:done"


class RedisJobs:
    """The consumers of two processes, the first behind a proxy."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._proxy = proxy
        self.redis: Any = Redis(host=host, port=port, protocol=2, decode_responses=True)
        self.clients = [
            RedisClient(host, number, login=REDIS_LOGIN) for number in (proxy.port, port)
        ]
        self.here: JobStream = self._consumer(self.clients[0])
        self.there: JobStream = self._consumer(self.clients[1])

    @property
    def round_trips(self) -> int:
        """Return how often the first process has asked the server."""
        return self._proxy.round_trips

    @staticmethod
    def _consumer(client: RedisClient) -> RedisJobStream:
        return RedisJobStream(client, SCHEMAS, LAYOUT, group=GROUP)

    async def close(self) -> None:
        """Close every connection."""
        for client in self.clients:
            await client.close()
        await self.redis.aclose()

    async def add(self, kind: JobKind, fields: Any, entry_id: str = "*") -> str:
        """Add an entry with these fields to the stream of this kind."""
        return str(await self.redis.xadd(LAYOUT.jobs[kind], fields, id=entry_id))

    async def start(self, game_id: str, entry_id: str = "*") -> str:
        """Add a start job."""
        fields = {"game_id": game_id, "image_ref": "galaxy/game:1.4.7", "requested_at_ms": "1"}
        return await self.add(JobKind.START, fields, entry_id)

    async def stop(self, game_id: str, entry_id: str = "*") -> str:
        """Add a stop job."""
        fields = {"game_id": game_id, "reason": "finished", "requested_at_ms": "1"}
        return await self.add(JobKind.STOP, fields, entry_id)

    async def malformed(self, game_id: str) -> str:
        """Add a malformed job."""
        return await self.add(JobKind.START, {"game_id": game_id, "requested_at_ms": "1"})

    async def dead(self) -> list[tuple[str, str]]:
        """Read the dead letters."""
        letters = await self.redis.xrange(LAYOUT.dead)
        return [(fields["entry_id"], fields["fault"]) for _, fields in letters]

    async def length(self) -> int:
        """Read the stream's length."""
        return int(await self.redis.xlen(LAYOUT.jobs[JobKind.START]))

    async def flush(self) -> None:
        """Flush the server."""
        await self.redis.flushall()

    async def lose_group(self) -> None:
        """Destroy the group."""
        for stream in LAYOUT.jobs.values():
            await self.redis.xgroup_destroy(stream, GROUP)

    def go_away(self) -> None:
        """Drop and refuse connections."""
        self._proxy.refuse()

    def come_back(self) -> None:
        """Accept connections again."""
        self._proxy.pass_on()

    def lose_reply_to(self, method: str) -> None:
        """Drop the reply to the command that this method sends."""
        words = {"read": b"XREADGROUP", "acknowledge": b"XACK\r\n", "dead_letter": b"XADD"}
        self._proxy.lose_reply_to(words[method])


@asynccontextmanager
async def open_jobs(address: str | None) -> AsyncIterator[JobWorld]:
    """Yield the streams on this Redis server, or in memory when there is none."""
    if address is None:
        yield MemoryJobs()
        return
    host, _, port = address.partition(":")
    with Proxy((host, int(port))) as proxy:
        world = RedisJobs(proxy, host, int(port))
        yield world
        await world.close()
