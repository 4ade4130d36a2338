"""Figures of the whole store for monitoring, read with one statement."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

from rtmanager.adapters.postgres.health_log import COUNT_UNHEALTHY
from rtmanager.adapters.postgres.operation_log import COUNT_OPEN, OPEN_SINCE
from rtmanager.adapters.postgres.outbox import COUNT_UNSENT, UNSENT_SINCE
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.runtime_records import COUNT_BY_STATUS

_FIGURES: LiteralString = f"""
    SELECT ({COUNT_BY_STATUS}), ({COUNT_UNHEALTHY}), ({COUNT_OPEN}), ({COUNT_UNSENT}),
        greatest(0, coalesce(extract(epoch FROM now() - ({OPEN_SINCE})), 0))::float8,
        greatest(0, coalesce(extract(epoch FROM now() - ({UNSENT_SINCE})), 0))::float8
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFigures:
    """How many records, operations and messages there are, and ages in seconds."""

    runtimes: Mapping[str, int]
    unhealthy: int
    open_operations: int
    unsent_messages: int
    oldest_operation: float
    oldest_message: float


class PostgresFigures:
    """Reads the figures; costs a few milliseconds with thousands of records."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def read_figures(self) -> StoreFigures:
        """Return the present figures; raise ServiceUnavailable."""
        async with self._pool.connection() as connection:
            (row,) = await (await connection.execute(_FIGURES)).fetchall()
        return StoreFigures(
            runtimes=row[0] or {},
            unhealthy=row[1],
            open_operations=row[2],
            unsent_messages=row[3],
            oldest_operation=row[4],
            oldest_message=row[5],
        )
