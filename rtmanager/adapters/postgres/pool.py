"""Connections to Postgres: few, and with a limit on every wait."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    suppress,
)
from typing import LiteralString, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import InFailedSqlTransaction, ReadOnlySqlTransaction
from psycopg.rows import AsyncRowFactory, TupleRow
from psycopg_pool import AsyncConnectionPool

from rtmanager.adapters.postgres.conninfo import service_conninfo
from rtmanager.adapters.postgres.deadline import NoAnswer, deadline, has_news
from rtmanager.adapters.postgres.errors import ConnectionLost, postgres_errors, unavailable
from rtmanager.adapters.postgres.stored_values import adapters

CHECKOUT_SECONDS = 2.0
CHECK_SECONDS = 1.0
ANSWER_SECONDS = 5.0
CLOSE_SECONDS = 5.0

T = TypeVar("T")

Connection = AsyncConnection[TupleRow]
Parameters = Sequence[object] | Mapping[str, object]


class Connections(ABC):
    """What lends connections to the adapters."""

    @abstractmethod
    def connection(self, *, within: float | None = None) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection on which every statement commits automatically.

        After as many seconds, by default those of the pool, it is shut down, so that what waits for
        it fails. Raises ServiceUnavailable; ConnectionLost when it turned out to be broken.
        """

    @asynccontextmanager
    async def transaction(self, *, within: float | None = None) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction; statements are sent together until one is read.

        BEGIN goes with the first and COMMIT with the last of them. The driver's own transaction
        would wait for the answer to each.
        """
        async with self.connection(within=within) as connection:
            try:
                async with connection.pipeline():
                    await connection.execute("BEGIN", prepare=False)
                    yield connection
                    end = await connection.execute("COMMIT", prepare=False)
            except BaseException:
                # The pool discards a connection that cannot even do this.
                with suppress(psycopg.Error):
                    await connection.rollback()
                raise
            if end.statusmessage != "COMMIT":
                raise InFailedSqlTransaction("the block went on after a statement had failed")

    async def read(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """Return what the query reads; one that changes nothing, because it may run twice.

        It does so when its connection turned out to be broken: then the second one is new.
        """
        try:
            return await self._read_once(query)
        except ConnectionLost:
            return await self._read_once(query)

    async def _read_once(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        async with self.connection() as connection:
            return await query(connection)

    async def fetch(
        self,
        statement: LiteralString,
        parameters: Parameters | None = None,
        *,
        rows: AsyncRowFactory[T],
    ) -> list[T]:
        """Return the rows of a statement that changes nothing; it is prepared and may run twice."""

        async def query(connection: Connection) -> list[T]:
            cursor = connection.cursor(row_factory=rows)
            return await (await cursor.execute(statement, parameters, prepare=True)).fetchall()

        return await self.read(query)

    async def ping(self) -> None:
        """Raise ServiceUnavailable when Postgres does not answer, within a second if it hangs."""
        await self.read(_ask)


class PostgresPool(Connections):
    """Connections for the adapters. Open it before use, close it at the end; both may be repeated.

    `checkout_timeout` is how many seconds a caller waits for a free connection, `answer_timeout`
    how many it may keep one.
    """

    def __init__(
        self,
        dsn: str,
        *,
        size: int = 10,
        checkout_timeout: float = CHECKOUT_SECONDS,
        answer_timeout: float = ANSWER_SECONDS,
        together: "_Together | None" = None,
    ) -> None:
        self._dsn = dsn
        self._answer_timeout = answer_timeout
        self._together = together or _Together()
        self._pool = AsyncConnectionPool(
            service_conninfo(dsn),
            min_size=1,
            max_size=size,
            open=False,
            check=self._check,
            timeout=checkout_timeout,
            # Given up soon and retried by the next caller: with the default of five minutes the
            # pauses grow so long that a short outage lasts for minutes.
            reconnect_timeout=1.0,
            kwargs={"autocommit": True, "context": adapters()},
        )
        self._together.pools.append(self._pool)

    def beside(self, size: int) -> "PostgresPool":
        """Return a pool of connections of its own, which opens, closes and drains with this one."""
        return PostgresPool(
            self._dsn, size=size, answer_timeout=self._answer_timeout, together=self._together
        )

    async def open(self) -> None:
        """Begin to connect without waiting for the result, which `ping` shows."""
        for pool in self._together.pools:
            if pool.closed:
                await pool.open()

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._together.pools:
            await pool.close(timeout=CLOSE_SECONDS)

    @asynccontextmanager
    async def connection(self, *, within: float | None = None) -> AsyncIterator[Connection]:
        """Lend a connection; after a while without a free one raise ServiceUnavailable."""
        with postgres_errors():
            connection = await self._pool.getconn()
            began = asyncio.get_running_loop().time()
            try:
                with deadline(connection, self._answer_timeout if within is None else within):
                    yield connection
            except psycopg.Error as error:
                await self._judge(connection, error, began)
                raise
            finally:
                if connection.pgconn.pipeline_status:
                    # A cancellation ended a transaction before the driver noted its begin. What the
                    # next borrower writes would not be committed.
                    await connection.close()
                # The pool loses a connection whose return is cancelled.
                await asyncio.shield(self._pool.putconn(connection))

    async def _judge(self, connection: Connection, error: psycopg.Error, began: float) -> None:
        """Distrust all connections if the error says that this one is of no use any more."""
        if connection.closed or isinstance(error, ReadOnlySqlTransaction):
            # After a failover this server may stay read-only while our connections to it stay
            # open: new ones reach the server that accepts writes.
            await self._together.drain(began)
        if connection.closed and not isinstance(error, NoAnswer):
            raise ConnectionLost(unavailable(error)) from error

    async def _check(self, connection: Connection) -> None:
        """Ask only a connection that has something to say: idle ones do when they are closed."""
        if not has_news(connection):
            return
        began = asyncio.get_running_loop().time()
        try:
            with deadline(connection, CHECK_SECONDS):
                await AsyncConnectionPool.check_connection(connection)
        except psycopg.Error:
            await self._together.drain(began)
            raise


class _Together:
    """The pools that lend connections to one server."""

    def __init__(self) -> None:
        self.pools: list[AsyncConnectionPool[Connection]] = []
        self._drained_at = 0.0

    async def drain(self, since: float) -> None:
        """Replace every connection, unless that was done since then.

        What broke one of them has broken the others too, or their server is another now. Each
        would otherwise cost the next caller its write.
        """
        if self._drained_at > since:
            return
        self._drained_at = asyncio.get_running_loop().time()
        for pool in self.pools:
            await pool.drain()


async def _ask(connection: Connection) -> None:
    with deadline(connection, CHECK_SECONDS):
        await connection.execute("SELECT 1")
