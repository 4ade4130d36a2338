"""The outbox in Postgres, as the relay sees it."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from rtmanager.adapters.postgres import statements
from rtmanager.adapters.postgres.connection_settings import service_conninfo
from rtmanager.adapters.postgres.deadline import Connection, deadline
from rtmanager.adapters.postgres.errors import postgres_errors
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.domain.game_id import GameId
from rtmanager.domain.outbox import OutboxMessage, OutboxStream
from rtmanager.domain.ports.outbox import OutboxBatch, OutboxId, OutboxRow, RelayFence
from rtmanager.tasks import cancellation_first

CHECK_EVERY = 10.0
CHECK_SECONDS = 2.0


class PostgresOutbox:
    """Lends the unsent rows of `outbox` under an advisory lock, which ends with the transaction.

    Its fences come from a sequence, so that none is lent again when its transaction fails.

    The block of a batch must end within the pool's time limit for an answer.
    """

    def __init__(self, pool: PostgresPool, dsn: str) -> None:
        self._pool = pool
        self._conninfo = service_conninfo(dsn)

    @asynccontextmanager
    async def batch(self, *, limit: int) -> AsyncIterator[OutboxBatch]:
        """Lend the oldest unsent messages and mark them sent when the block ends well."""
        async with self._pool.transaction() as connection:
            batch = await _borrow(connection, limit)
            yield batch
            if batch.rows:
                await connection.execute(statements.MARK_SENT, [[row.id for row in batch.rows]])

    @asynccontextmanager
    async def wakeups(self) -> AsyncIterator[AsyncIterator[None]]:
        """Listen on a connection of its own, which no pooler may stand before."""
        with postgres_errors():
            connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
            async with connection, aclosing(_notifications(connection)) as notifications:
                await connection.execute(statements.LISTEN_TO_OUTBOX)
                yield notifications

    async def raise_fence(self, above: RelayFence) -> None:
        """Let the next batch's fence be larger; waits until no batch is lent, not even here."""
        async with self._pool.transaction() as connection:
            await connection.execute(statements.WAIT_FOR_OUTBOX)
            await connection.execute(statements.RAISE_OUTBOX_FENCE, {"above": above})

    async def prune(self, *, sent_before: datetime, limit: int) -> int:
        """Delete messages that were sent before then and keep nothing quiet."""
        async with self._pool.connection() as connection:
            deleted = await connection.execute(
                statements.PRUNE_OUTBOX, {"before": sent_before, "limit": limit}
            )
        return deleted.rowcount


async def _borrow(connection: Connection, limit: int) -> OutboxBatch:
    lock = await connection.execute(statements.BORROW_OUTBOX)
    if await lock.fetchone() != (True,):
        return OutboxBatch(RelayFence(0))
    # Statements of their own: what they see is as of the lock, not of the moment before it.
    unsent = await connection.execute(statements.UNSENT_MESSAGES, [limit])
    drawn = await connection.execute(statements.DRAW_OUTBOX_FENCE)
    found = [_row_from(row) for row in await unsent.fetchall()]
    (fence,) = await drawn.fetchone() or (0,)
    return OutboxBatch(RelayFence(fence), found)


def _row_from(row: Sequence[Any]) -> OutboxRow:
    id_, token, game_id, stream, fields = row
    message = OutboxMessage(OutboxStream(stream), GameId(game_id), fields)
    return OutboxRow(OutboxId(id_), str(token), message)


async def _notifications(connection: Connection) -> AsyncGenerator[None, None]:
    """Yield at every notification; a connection that has silently died is found out in time."""
    with postgres_errors():
        while True:
            async with aclosing(connection.notifies(timeout=CHECK_EVERY)) as notifies:
                async for _ in notifies:
                    yield
            with cancellation_first(), deadline(connection, CHECK_SECONDS):
                await connection.execute("SELECT 1")
