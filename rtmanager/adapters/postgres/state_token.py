"""The token of the installation's state root, kept beside the installation's id."""

from typing import LiteralString

from psycopg.rows import scalar_row

from rtmanager.adapters.postgres.pool import PostgresPool

_READ: LiteralString = "SELECT state_token FROM installation"

# Of two concurrent updates the later one waits, and then changes nothing.
_CLAIM: LiteralString = "UPDATE installation SET state_token = %s WHERE state_token IS NULL"


class PostgresStateToken:
    """One token for all replicas; the first that is claimed stays."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def read(self) -> str | None:
        """Return the token, None before one was claimed. Raises ServiceUnavailable."""
        async with self._pool.connection() as connection:
            cursor = await connection.cursor(row_factory=scalar_row).execute(_READ)
            return await cursor.fetchone()

    async def claim(self, token: str) -> str:
        """Keep this token unless there is one; return the one that is kept.

        Raises ServiceUnavailable.
        """
        async with self._pool.connection() as connection:
            await connection.execute(_CLAIM, [token])
        kept = await self.read()
        if kept is None:
            raise RuntimeError("the installation has no row")
        return kept
