"""Listening to a channel of Postgres on a connection of its own."""

import asyncio
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
    """Yield at every notification; detect a dead connection within a bounded time.

    Psycopg would look for notifications ten times a second.
    """
    with postgres_errors():
        while True:
            is_something_there = await _something_to_read(connection, CHECK_EVERY)
            if not is_something_there:
                with cancellation_first(), deadline(connection, CHECK_SECONDS):
                    await connection.execute("SELECT 1")
            # What has come together with the answer is there without waiting.
            wait = CHECK_SECONDS if is_something_there else 0
            notifies = connection.notifies(timeout=wait, stop_after=1)
            async with aclosing(notifies):
                async for _ in notifies:
                    yield


async def _something_to_read(connection: Connection, seconds: float) -> bool:
    """Return whether bytes have come within this time, or the end of the connection."""
    loop, come = asyncio.get_running_loop(), asyncio.Event()
    socket = connection.fileno()
    loop.add_reader(socket, come.set)
    try:
        async with asyncio.timeout(seconds):
            await come.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(socket)
    return True
