"""Figures of the records for monitoring, read with one statement."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

from psycopg.rows import tuple_row

from rtmanager.adapters.postgres.health_log import COUNT_UNHEALTHY
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.runtime_records import COUNT_BY_STATUS

_FIGURES: LiteralString = f"SELECT ({COUNT_BY_STATUS}), ({COUNT_UNHEALTHY})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFigures:
    """How many records there are by status, and how many engines do not answer."""

    runtimes: Mapping[str, int]
    unhealthy: int


class PostgresFigures:
    """Reads the figures; costs a few milliseconds with thousands of records."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def read_figures(self) -> StoreFigures:
        """Return the present figures; raise ServiceUnavailable."""
        ((runtimes, unhealthy),) = await self._pool.fetch(_FIGURES, rows=tuple_row)
        return StoreFigures(runtimes=runtimes or {}, unhealthy=unhealthy)
