"""The two kinds of outbox and publisher under test, and direct access to both stores."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, LiteralString, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from redis.asyncio import Redis

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.adapters.in_memory.outbox import InMemoryOutbox
from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.adapters.in_memory.streams import InMemoryMessagePublisher, InMemoryStreams
from rtmanager.adapters.postgres.operation_journal import PostgresOperationJournal
from rtmanager.adapters.postgres.outbox import PostgresOutbox
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.message_publisher import RedisMessagePublisher
from rtmanager.adapters.redis.streams import StreamLayout, StreamSchemas
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.installation import Installation
from rtmanager.domain.messages import OutboxMessage, OutboxStream
from rtmanager.domain.operation import OpSource, Origin
from rtmanager.domain.ports.operation_journal import OperationJournal
from rtmanager.domain.ports.outbox import MessagePublisher, Outbox, RelayFence
from tests.builders import NOON, make_completion, make_message, make_request
from tests.support.databases import REDIS_LOGIN
from tests.support.proxy import Proxy

HERE = Installation("galaxy-net", "here")
SCHEMAS = StreamSchemas.load()
LAYOUT = StreamLayout()
AHEAD = RelayFence(4_102_444_800_000_000)  # the year 2100


class RelayWorld(Protocol):
    """The outbox and publisher of two processes; the first one's stores can become unreachable."""

    here: Outbox
    there: Outbox
    publisher: MessagePublisher
    other_publisher: MessagePublisher
    journal: OperationJournal

    async def published(self) -> list[dict[str, str]]:
        """Return the fields of every published job result, oldest first."""

    async def unsent(self) -> int:
        """Return how many messages are unsent."""

    async def flush_streams(self) -> None:
        """Delete everything that was published."""

    def step_clock_back(self) -> None:
        """Put the store's clock behind the fences that were issued."""

    def cut_off(self) -> None:
        """Take the batch's lock from the first process, as a lost connection does."""

    def lose_reply_to_commit(self) -> None:
        """Let the commit of the first process's next batch succeed but lose the reply."""

    def lose_reply_to_publish(self) -> None:
        """Let the first process's next publication succeed but lose the reply."""

    def database_goes(self) -> None:
        """Make the outbox unreachable for the first process."""

    def streams_go(self) -> None:
        """Make the streams unreachable for the first process."""

    def all_come_back(self) -> None:
        """Make both stores reachable again."""


class MemoryRelays:
    """Two in-memory processes."""

    def __init__(self) -> None:
        self._store, self._streams = InMemoryStore(), InMemoryStreams()
        self._table = self._store.outbox_table
        clock = ManualClock(start=NOON)
        self.journal: OperationJournal = InMemoryOperationJournal(self._store)
        self.here: Outbox = with_faults(InMemoryOutbox(self._table, clock), "outbox", self._fault)
        self.there: Outbox = InMemoryOutbox(self._table, clock)
        self.publisher: MessagePublisher = with_faults(
            InMemoryMessagePublisher(self._streams), "publisher", self._fault
        )
        self.other_publisher: MessagePublisher = InMemoryMessagePublisher(self._streams)
        self._away: set[str] = set()
        self._lost = ""

    async def _fault(self, point: str) -> None:
        if point.partition(".")[0] in self._away or point == self._lost:
            self._lost = ""
            raise ServiceUnavailable

    async def published(self) -> list[dict[str, str]]:
        """Read the stream."""
        return [dict(each.fields) for each in self._streams.published]

    async def unsent(self) -> int:
        """Read the table."""
        return len(self._table.messages) - len(self._table.sent_at)

    async def flush_streams(self) -> None:
        """Delete the streams."""
        self._streams.flush()

    def step_clock_back(self) -> None:
        """Issue a fence of the future."""
        self._table.raise_fence(AHEAD)

    def cut_off(self) -> None:
        """Release the lock."""
        self._table.cut_off()

    def lose_reply_to_commit(self) -> None:
        """Fail once, after the effect."""
        self._lost = "outbox.commit:done"

    def lose_reply_to_publish(self) -> None:
        """Fail once, after the effect."""
        self._lost = "publisher.publish:done"

    def database_goes(self) -> None:
        """Refuse the calls to the outbox."""
        self._away.add("outbox")

    def streams_go(self) -> None:
        """Refuse the calls to the publisher."""
        self._away.add("publisher")

    def all_come_back(self) -> None:
        """Let every call through."""
        self._away.clear()


class RealRelays:
    """Postgres and Redis, the first process's behind proxies."""

    def __init__(self, dsn: str, database: Proxy, address: str, streams: Proxy) -> None:
        self._database, self._streams, self._dsn = database, streams, dsn
        proxied = make_conninfo(dsn, port=database.port)
        self.pools = [PostgresPool(proxied, checkout_timeout=0.5), PostgresPool(dsn)]
        self.here: Outbox = PostgresOutbox(self.pools[0], proxied)
        self.there: Outbox = PostgresOutbox(self.pools[1], dsn)
        self.journal: OperationJournal = PostgresOperationJournal(self.pools[1])
        host, _, port = address.partition(":")
        self.redis: Any = Redis(host=host, port=int(port), protocol=2, decode_responses=True)
        self.clients = [
            RedisClient(host, number, login=REDIS_LOGIN) for number in (streams.port, int(port))
        ]
        self.publisher: MessagePublisher
        self.other_publisher: MessagePublisher
        self.publisher, self.other_publisher = (
            RedisMessagePublisher(client, HERE, SCHEMAS, LAYOUT) for client in self.clients
        )

    @property
    def round_trips(self) -> tuple[int, int]:
        """Return how often the first process has asked Postgres, and how often Redis."""
        return self._database.round_trips, self._streams.round_trips

    async def published(self) -> list[dict[str, str]]:
        """Read the stream."""
        name = LAYOUT.messages[OutboxStream.JOB_RESULTS]
        return [fields for _, fields in await self.redis.xrange(name)]

    async def unsent(self) -> int:
        """Query the table."""
        query: LiteralString = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
        return int(self.execute(query)[0][0])

    def execute(self, query: LiteralString) -> list[tuple[Any, ...]]:
        """Run a statement on the database."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    async def flush_streams(self) -> None:
        """Flush the server."""
        await self.redis.flushall()

    def step_clock_back(self) -> None:
        """Advance the sequence to the future, because the server's clock cannot be set."""
        self.execute("SELECT setval('outbox_fence', 4102444800000000)")

    def cut_off(self) -> None:
        """Drop the connections, which the borrower notices only at its next statement."""
        self._database.cut()

    def lose_reply_to_commit(self) -> None:
        """Drop the reply to the statement that marks messages sent, which arrives with COMMIT."""
        self._database.lose_reply_to(b"COMMIT")

    def lose_reply_to_publish(self) -> None:
        """Drop the reply to the script."""
        self._streams.lose_reply_to(b"EVAL")

    def database_goes(self) -> None:
        """Drop and refuse connections to Postgres."""
        self._database.refuse()

    def streams_go(self) -> None:
        """Drop and refuse connections to Redis."""
        self._streams.refuse()

    def all_come_back(self) -> None:
        """Accept connections again."""
        self._database.pass_on()
        self._streams.pass_on()

    async def close(self) -> None:
        """Close every connection."""
        for pool in self.pools:
            await pool.close()
        for client in self.clients:
            await client.close()
        await self.redis.aclose()


@asynccontextmanager
async def open_relays(dsn: str | None, address: str) -> AsyncIterator[RelayWorld]:
    """Yield outbox and publisher on these servers, or in memory when there are none."""
    if dsn is None:
        yield MemoryRelays()
        return
    where = conninfo_to_dict(dsn)
    host, _, port = address.partition(":")
    postgres = (str(where["host"]), int(str(where["port"])))
    with Proxy(postgres) as database, Proxy((host, int(port))) as streams:
        world = RealRelays(dsn, database, address, streams)
        for pool in world.pools:
            await pool.open()
            await pool.ping()
        yield world
        await world.close()


_requests = itertools.count(1)


async def write(
    world: RelayWorld, messages: Sequence[OutboxMessage], *, at: datetime = NOON
) -> None:
    """Commit the messages in one transaction."""
    request = make_request(origin=Origin(OpSource.GM_REST, f"r{next(_requests)}"))
    await world.journal.refuse(request, make_completion(at=at), messages)


def result(number: int) -> OutboxMessage:
    """Return a job result that is identified by its number."""
    return make_message(
        fields={
            "job_id": f"{number}-0",
            "op_kind": "start",
            "game_id": "chess-7",
            "outcome": "success",
            "container_id": "",
            "engine_endpoint": "",
            "error_code": "replay_no_op",
            "error_message": "",
        }
    )


async def numbers(world: RelayWorld) -> list[int]:
    """Return the numbers of the published results, in order."""
    return [int(each["job_id"].partition("-")[0]) for each in await world.published()]
