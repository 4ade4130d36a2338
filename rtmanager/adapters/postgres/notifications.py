"""Listening to a channel of Postgres on a connection of its own."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import LiteralString

from psycopg import AsyncConnection

from rtmanager.adapters.postgres.conninfo import service_conninfo
from rtmanager.adapters.postgres.deadline import deadline
from rtmanager.adapters.postgres.errors import postgres_errors
from rtmanager.adapters.postgres.pool import Connection
from rtmanager.tasks import cancellation_first

CHECK_EVERY = 10.0
CHECK_SECONDS = 2.0


@asynccontextmanager
async def notifications(dsn: str, listen: LiteralString) -> AsyncIterator[AsyncIterator[None]]:
    """Yield an iterator with an item per notification."""
    with postgres_errors():
        connection = await AsyncConnection.connect(service_conninfo(dsn), autocommit=True)
        async with connection, aclosing(_notified(connection)) as notified:
            await connection.execute(listen)
            yield notified


async def _notified(connection: Connection) -> AsyncGenerator[None, None]:
    """Yield at every notification; detect a dead connection within a bounded time."""
    with postgres_errors():
        while True:
            async with aclosing(connection.notifies(timeout=CHECK_EVERY)) as notifies:
                async for _ in notifies:
                    yield
            with cancellation_first(), deadline(connection, CHECK_SECONDS):
                await connection.execute("SELECT 1")
