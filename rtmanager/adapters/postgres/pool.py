"""The connections to Postgres: few, checked, and never waited for without a limit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg.errors import ReadOnlySqlTransaction
from psycopg_pool import AsyncConnectionPool

from rtmanager.adapters.postgres.connection_settings import service_conninfo
from rtmanager.adapters.postgres.deadline import Connection, deadline
from rtmanager.adapters.postgres.errors import postgres_errors
from rtmanager.adapters.postgres.stored_values import adapters

CHECKOUT_SECONDS = 2.0
CHECK_SECONDS = 1.0
ANSWER_SECONDS = 5.0
CLOSE_SECONDS = 5.0


class PostgresPool:
    """Connections for the adapters. Open it before use, close it at the end; both may repeat.

    `patience` is how long a caller waits for a connection, when all are in use or none can be had.
    """

    def __init__(self, dsn: str, *, size: int = 10, patience: float = CHECKOUT_SECONDS) -> None:
        self._pool = AsyncConnectionPool(
            service_conninfo(dsn),
            min_size=1,
            max_size=size,
            open=False,
            check=_check,
            timeout=patience,
            # Given up soon and tried afresh by the next caller: with the default of five minutes
            # the pauses grow so long that a short outage lasts for minutes.
            reconnect_timeout=1.0,
            kwargs={"autocommit": True, "context": adapters()},
        )

    async def open(self) -> None:
        """Begin to connect; does not wait for it, `ping` tells."""
        if self._pool.closed:
            await self._pool.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close(timeout=CLOSE_SECONDS)

    async def ping(self) -> None:
        """Raise ServiceUnavailable when Postgres does not answer."""
        async with self.connection() as connection:
            await connection.execute("SELECT 1")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection on which every statement commits by itself."""
        with postgres_errors():
            try:
                async with self._pool.connection() as connection:
                    with deadline(connection, ANSWER_SECONDS):
                        yield connection
            except ReadOnlySqlTransaction:
                # After a failover this server may stay read-only for ever, and our connections to
                # it alive: new ones are led to the one that takes our writes.
                await self._pool.drain()
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction; statements are sent together until one is read."""
        async with (
            self.connection() as connection,
            connection.pipeline(),
            connection.transaction(),
        ):
            yield connection


async def _check(connection: Connection) -> None:
    with deadline(connection, CHECK_SECONDS):
        await AsyncConnectionPool.check_connection(connection)
