"""What waits in Postgres: messages to be sent, and operations that are open."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Sequence
from typing import LiteralString

from psycopg.rows import kwargs_row

from rtmanager.adapters.postgres.operation_log import COUNT_OPEN, OPEN_SINCE
from rtmanager.adapters.postgres.outbox import COUNT_UNSENT, UNSENT_SINCE
from rtmanager.adapters.postgres.pool import Connections
from rtmanager.domain.ports.backlogs import OPEN_OPERATIONS, OUTBOX, Backlog

_READ: LiteralString = f"""
    SELECT name, waiting, oldest_at,
        greatest(0, coalesce(extract(epoch FROM now() - oldest_at), 0))::float8 AS age
    FROM (VALUES
        (%(outbox)s, ({COUNT_UNSENT}), ({UNSENT_SINCE})),
        (%(open_operations)s, ({COUNT_OPEN}), ({OPEN_SINCE}))
    ) AS queue (name, waiting, oldest_at)
"""


class PostgresBacklogs:
    """Counts `outbox` and `operation_log`."""

    about = "the outbox and the open operations"

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    async def read(self) -> Sequence[Backlog]:
        """Return the unsent messages and the open operations."""
        names = {"outbox": OUTBOX, "open_operations": OPEN_OPERATIONS}
        return await self._pool.fetch(_READ, names, rows=kwargs_row(Backlog))
