"""The outbox in Postgres: messages are written with what they report and lent to the relay."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import kwargs_row, scalar_row

from rtmanager.adapters.postgres.notifications import notifications
from rtmanager.adapters.postgres.outbox_rows import MESSAGE
from rtmanager.adapters.postgres.pool import Connection, PostgresPool
from rtmanager.domain.game_id import GameId
from rtmanager.domain.messages import OutboxMessage, OutboxStream
from rtmanager.domain.ports.outbox import OutboxBatch, OutboxId, OutboxRow, RelayFence

_LOCK: LiteralString = "hashtextextended('rtmanager.outbox:' || current_schema(), 0)"

# The statements after it are sent together with it, and learn from a setting of the transaction
# whether we hold the lock. Each has a snapshot of its own, taken after the lock.
_BORROW: LiteralString = f"""
    SELECT set_config('rtmanager.outbox_is_lent', pg_try_advisory_xact_lock({_LOCK})::text, true)
"""

_IS_LENT: LiteralString = "current_setting('rtmanager.outbox_is_lent') = 'true'"

_WAIT: LiteralString = f"SELECT pg_advisory_xact_lock({_LOCK})"

# The server's clock, so that it keeps growing when a database is restored from a copy, and more
# than the last one, so that it also grows when that clock steps back. Only for the lock's holder.
_DRAW_FENCE: LiteralString = f"""
    SELECT setval('outbox_fence', greatest(
        last_value + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ))
    FROM outbox_fence WHERE {_IS_LENT} AND EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)
"""

_RAISE_FENCE: LiteralString = """
    SELECT setval('outbox_fence', %(above)s) FROM outbox_fence WHERE last_value < %(above)s
"""

UNSENT: LiteralString = f"""
    SELECT id, token, {MESSAGE.names} FROM outbox
    WHERE {_IS_LENT} AND sent_at IS NULL ORDER BY id LIMIT %s
"""

# Bounded: an outage of Redis may leave any number of them.
COUNT_UNSENT: LiteralString = """
    SELECT count(*) FROM (SELECT FROM outbox WHERE sent_at IS NULL LIMIT 100000) AS unsent
"""

UNSENT_SINCE: LiteralString = """
    SELECT created_at FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT 1
"""

_MARK_SENT: LiteralString = "UPDATE outbox SET sent_at = now() WHERE id = ANY(%s)"

_PRUNE: LiteralString = """
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox
        WHERE sent_at < %(before)s AND (quiet_until IS NULL OR quiet_until < %(before)s)
        LIMIT %(limit)s
    )
"""

_PRUNE_QUOTAS: LiteralString = """
    DELETE FROM outbox_quota_uses WHERE id IN (
        SELECT id FROM outbox_quota_uses WHERE until < %(before)s LIMIT %(limit)s
    )
"""


class PostgresOutbox:
    """Lends the unsent rows of `outbox` under an advisory lock, which ends with the transaction.

    Its fences come from a sequence, so that none is lent twice when a transaction fails. The block
    of a batch must end within the pool's time limit for an answer.
    """

    def __init__(self, pool: PostgresPool, dsn: str) -> None:
        self._pool = pool
        self._dsn = dsn

    @asynccontextmanager
    async def batch(self, *, limit: int) -> AsyncIterator[OutboxBatch]:
        """Lend the oldest unsent messages; mark them sent if the block succeeds."""
        async with self._pool.transaction() as connection:
            batch = await _borrow(connection, limit)
            yield batch
            if batch.rows:
                await connection.execute(_MARK_SENT, [[row.id for row in batch.rows]])

    @asynccontextmanager
    async def wakeups(self) -> AsyncIterator[AsyncIterator[None]]:
        """Listen on a dedicated connection, which must not go through a pooler."""
        async with notifications(self._dsn, "LISTEN rtmanager_outbox") as notified:
            yield notified

    async def raise_fence(self, above: RelayFence) -> None:
        """Make the next batch's fence higher; waits until no batch is lent, even here."""
        async with self._pool.transaction() as connection:
            await connection.execute(_WAIT)
            await connection.execute(_RAISE_FENCE, {"above": above})

    async def prune(self, *, sent_before: datetime, limit: int) -> int:
        """Delete messages that were sent before then and whose dedup window is over."""
        parameters = {"before": sent_before, "limit": limit}
        async with self._pool.connection() as connection:
            await connection.execute(_PRUNE_QUOTAS, parameters)
            deleted = await connection.execute(_PRUNE, parameters)
        return deleted.rowcount


async def _borrow(connection: Connection, limit: int) -> OutboxBatch:
    """Return the unsent messages, none while they are lent to another; one round trip."""
    await connection.execute(_BORROW)
    unsent = await connection.cursor(row_factory=kwargs_row(_outbox_row)).execute(UNSENT, [limit])
    fence = await connection.cursor(row_factory=scalar_row).execute(_DRAW_FENCE)
    rows = await unsent.fetchall()
    return OutboxBatch(RelayFence(await fence.fetchone() or 0), rows)


def _outbox_row(**row: Any) -> OutboxRow:
    message = OutboxMessage(OutboxStream(row["stream"]), GameId(row["game_id"]), row["fields"])
    return OutboxRow(OutboxId(row["id"]), str(row["token"]), message)
