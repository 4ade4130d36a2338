"""What waits in Postgres: messages to be sent, and operations that are open."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from psycopg.rows import kwargs_row

from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.domain.ports.backlogs import Backlog

_READ: LiteralString = """
    SELECT 'outbox' AS name, count(*) AS waiting, min(created_at) AS oldest_at
    FROM outbox WHERE sent_at IS NULL
    UNION ALL
    SELECT 'open operations', count(*), min(started_at) FROM operation_log WHERE outcome IS NULL
"""


class PostgresBacklogs:
    """Counts `outbox` and `operation_log`."""

    about = "the outbox and the open operations"

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def read(self) -> Sequence[Backlog]:
        """Return the unsent messages and the open operations."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=kwargs_row(_backlog))
            return await (await cursor.execute(_READ)).fetchall()


def _backlog(*, name: str, waiting: int, oldest_at: datetime | None) -> Backlog:
    return Backlog(name, waiting, oldest_at)
