"""Runtime records in Postgres."""

from collections.abc import Sequence

from rtmanager.adapters.postgres import statements
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.rows import record_from
from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.game_id import GameId
from rtmanager.domain.runtime import RuntimeRecord


class PostgresRuntimeRecords:
    """Reads the records of the table `runtime_records`."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def get(self, game_id: GameId) -> RuntimeRecord | None:
        """Return the game's record, None when it was never started."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statements.GET_RECORD, [stored_game_id(game_id)])
            row = await cursor.fetchone()
        return record_from(row) if row else None

    async def list(self) -> Sequence[RuntimeRecord]:
        """Return every record of any status, ordered by game id."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statements.LIST_RECORDS)
            rows = await cursor.fetchall()
        return [record_from(row) for row in rows]

    async def ping(self) -> None:
        """Raise ServiceUnavailable when Postgres does not answer."""
        await self._pool.ping()
