"""The installation's id: made once, kept in its database."""

import secrets

from rtmanager.adapters.postgres import statements
from rtmanager.adapters.postgres.deadline import Connection
from rtmanager.adapters.postgres.pool import PostgresPool

BYTES = 8


async def installation_id(pool: PostgresPool) -> str:
    """Return the id, having made it if this is the first time; the same for all processes.

    Raises ServiceUnavailable.
    """
    async with pool.connection() as connection:
        known = await _stored_id(connection)
        if known is not None:
            return known
        # Of two at once the later one waits, and then changes nothing.
        await connection.execute(statements.MAKE_INSTALLATION, [secrets.token_hex(BYTES)])
        return str(await _stored_id(connection))


async def _stored_id(connection: Connection) -> str | None:
    row = await (await connection.execute(statements.GET_INSTALLATION)).fetchone()
    return str(row[0]) if row else None
