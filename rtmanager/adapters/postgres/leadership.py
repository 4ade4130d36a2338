"""The leader's lock: an advisory lock on a dedicated connection."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from contextlib import suppress
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import scalar_row

from rtmanager.adapters.postgres.conninfo import leadership_conninfo
from rtmanager.adapters.postgres.deadline import deadline
from rtmanager.adapters.postgres.errors import postgres_errors
from rtmanager.adapters.postgres.pool import Connection
from rtmanager.tasks import cancellation_first

ANSWER_SECONDS = 2.0

_LOCK: LiteralString = "hashtextextended('rtmanager.leader:' || current_schema(), 0)"

_TAKE: LiteralString = f"SELECT pg_try_advisory_lock({_LOCK})"

# Postgres shows a lock's key in two halves.
_HOLD: LiteralString = f"""
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid = pg_backend_pid()
            AND (classid::bigint << 32 | objid::bigint) = {_LOCK}
    )
"""

# Who holds it, whichever replica asks.
LEADER: LiteralString = f"""
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint) = {_LOCK}
"""

# All, because a session that took the lock twice would have to release it twice.
_RELEASE: LiteralString = "SELECT pg_advisory_unlock_all()"


class PostgresLeadership:
    """Leads while its connection holds the lock of the schema.

    The connection belongs to no pool: the lock ends with it. Postgres closes it when it has been
    silent for a few seconds, since the process is then gone, cut off or hanging. So the leader must
    call `confirm`, and every other process `campaign`, about once a second.
    """

    def __init__(self, dsn: str) -> None:
        self._conninfo = leadership_conninfo(dsn)
        self._connection: Connection | None = None

    @property
    def number(self) -> int | None:
        """The process id of our connection's server process."""
        connection = self._connection
        return None if connection is None or connection.closed else connection.info.backend_pid

    async def campaign(self) -> bool:
        """Try once to take the lock; return whether we hold it now."""
        with postgres_errors():
            return await self._ask(await self._connected(), _TAKE)

    async def confirm(self) -> bool:
        """Ask Postgres whether our connection still holds the lock."""
        if self._connection is None:
            return False
        try:
            return await self._ask(self._connection, _HOLD)
        except psycopg.Error:
            return False

    async def resign(self) -> None:
        """Release the lock and close the connection."""
        if self._connection is None:
            return
        # If anything fails here, closing the connection frees the lock.
        with suppress(psycopg.Error):
            await self._ask(self._connection, _RELEASE)
        await self._disconnect()

    async def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
        return self._connection

    async def _ask(self, connection: Connection, question: LiteralString) -> bool:
        """Return the answer; a connection that does not answer is closed, which frees its lock."""
        try:
            with cancellation_first(), deadline(connection, ANSWER_SECONDS):
                cursor = connection.cursor(row_factory=scalar_row)
                answer = await (await cursor.execute(question)).fetchone()
        except BaseException:
            await self._disconnect()
            raise
        return bool(answer)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
