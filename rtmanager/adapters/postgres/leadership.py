"""The claim to lead: an advisory lock held by one connection of its own."""

from contextlib import suppress
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection

from rtmanager.adapters.postgres import statements
from rtmanager.adapters.postgres.connection_settings import leadership_conninfo
from rtmanager.adapters.postgres.deadline import Connection, deadline
from rtmanager.adapters.postgres.errors import postgres_errors
from rtmanager.tasks import cancellation_first

ANSWER_SECONDS = 2.0


class PostgresLeadership:
    """Leads while its connection holds the lock of the schema.

    The connection is no pool's: the lock lives and dies with it. Postgres ends it, and with it the
    lock, when nothing is asked for a few seconds: then the process is gone or cut off, or it hangs.
    So whoever leads must `confirm` and whoever stands by must `campaign` every second or so.
    """

    def __init__(self, dsn: str) -> None:
        self._conninfo = leadership_conninfo(dsn)
        self._connection: Connection | None = None

    async def campaign(self) -> bool:
        """Try once to take the lock; return whether we hold it now."""
        with postgres_errors():
            return await self._ask(await self._connected(), statements.TAKE_LEADERSHIP)

    async def confirm(self) -> bool:
        """Ask Postgres whether our connection still holds the lock."""
        if self._connection is None:
            return False
        try:
            return await self._ask(self._connection, statements.HOLD_LEADERSHIP)
        except psycopg.Error:
            return False

    async def resign(self) -> None:
        """Release the lock and close the connection."""
        if self._connection is None:
            return
        # Whatever fails here, the closed connection frees the lock a moment later.
        with suppress(psycopg.Error):
            await self._ask(self._connection, statements.LEAVE_LEADERSHIP)
        await self._disconnect()

    async def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
        return self._connection

    async def _ask(self, connection: Connection, question: LiteralString) -> bool:
        """Return the answer; a connection that did not give one is given up, and the lock too."""
        try:
            with cancellation_first(), deadline(connection, ANSWER_SECONDS):
                cursor = await connection.execute(question)
                (answer,) = await cursor.fetchone() or (None,)
        except BaseException:
            await self._disconnect()
            raise
        return bool(answer)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
