"""Connections to Postgres: few, checked, and with a limit on every wait."""

import asyncio
import os
import re
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InFailedSqlTransaction, ReadOnlySqlTransaction
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from rtmanager.adapters.postgres.errors import postgres_errors
from rtmanager.adapters.postgres.stored_values import adapters

DEFAULT_SCHEMA = "rtmanager"

CONNECT_SECONDS = 2  # the minimum that libpq accepts
STATEMENT_SECONDS = 4
IDLE_IN_TRANSACTION_SECONDS = 10
SILENT_LEADER_SECONDS = 8

CHECKOUT_SECONDS = 2.0
CHECK_SECONDS = 1.0
ANSWER_SECONDS = 5.0
CLOSE_SECONDS = 5.0

Connection = AsyncConnection[TupleRow]

_SEARCH_PATH = re.compile(r"\bsearch_path\s*=")


class Connections(ABC):
    """What lends connections to the adapters."""

    @abstractmethod
    def connection(
        self, *, within: float = ANSWER_SECONDS
    ) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection on which every statement commits automatically.

        After as many seconds it is shut down, so that what waits for it fails.
        """

    @asynccontextmanager
    async def transaction(self, *, within: float = ANSWER_SECONDS) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction; statements are sent together until one is read.

        BEGIN goes with the first and COMMIT with the last of them. The driver's own transaction
        would wait for the answer to each.
        """
        async with self.connection(within=within) as connection:
            try:
                async with connection.pipeline():
                    await connection.execute("BEGIN")
                    yield connection
                    end = await connection.execute("COMMIT")
            except BaseException:
                # The pool discards a connection that cannot even do this.
                with suppress(psycopg.Error):
                    await connection.rollback()
                raise
            if end.statusmessage != "COMMIT":
                raise InFailedSqlTransaction("the block went on after a statement had failed")

    async def ping(self) -> None:
        """Raise ServiceUnavailable when Postgres does not answer."""
        async with self.connection() as connection:
            await connection.execute("SELECT 1")


class PostgresPool(Connections):
    """Connections for the adapters. Open it before use, close it at the end; both may be repeated.

    `checkout_timeout` is how many seconds a caller waits for a free connection.
    """

    def __init__(
        self, dsn: str, *, size: int = 10, checkout_timeout: float = CHECKOUT_SECONDS
    ) -> None:
        self._pool = AsyncConnectionPool(
            service_conninfo(dsn),
            min_size=1,
            max_size=size,
            open=False,
            check=_check,
            timeout=checkout_timeout,
            # Given up soon and retried by the next caller: with the default of five minutes the
            # pauses grow so long that a short outage lasts for minutes.
            reconnect_timeout=1.0,
            kwargs={"autocommit": True, "context": adapters()},
        )

    async def open(self) -> None:
        """Begin to connect without waiting for the result, which `ping` shows."""
        if self._pool.closed:
            await self._pool.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close(timeout=CLOSE_SECONDS)

    @asynccontextmanager
    async def connection(self, *, within: float = ANSWER_SECONDS) -> AsyncIterator[Connection]:
        """Lend a connection; after a while without a free one raise ServiceUnavailable."""
        with postgres_errors():
            try:
                async with self._pool.connection() as connection:
                    with deadline(connection, within):
                        yield connection
            except ReadOnlySqlTransaction:
                # After a failover this server may stay read-only while our connections to it stay
                # open: new ones reach the server that accepts writes.
                await self._pool.drain()
                raise


async def _check(connection: Connection) -> None:
    with deadline(connection, CHECK_SECONDS):
        await AsyncConnectionPool.check_connection(connection)


@contextmanager
def deadline(connection: Connection, seconds: float) -> Iterator[None]:
    """Shut down the connection if the block takes longer, so that its wait fails immediately.

    A cancellation would make the driver ask the unresponsive server to cancel, and wait for that.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    timer = loop.call_later(seconds, _hang_up, connection)
    try:
        yield
    except psycopg.OperationalError as error:
        if loop.time() < due:
            raise
        raise psycopg.OperationalError(f"no answer within {seconds:g} s") from error
    finally:
        timer.cancel()


def _hang_up(connection: Connection) -> None:
    # Shut down, not closed: the driver still waits on this descriptor and now reads EOF.
    with suppress(OSError, psycopg.Error), _socket(connection) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def _socket(connection: Connection) -> socket.socket:
    return socket.socket(fileno=os.dup(connection.fileno()))


def service_conninfo(dsn: str) -> str:
    """Return the DSN with the service's limits: it prefers an error to a long wait."""
    return _with_options(
        dsn,
        f"-c statement_timeout={STATEMENT_SECONDS}s",
        # The locks of a vanished client are released soon.
        f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s",
    )


def leadership_conninfo(dsn: str) -> str:
    """Return the DSN for the leader's lock, which Postgres takes from a silent process."""
    return _with_options(
        dsn,
        f"-c statement_timeout={STATEMENT_SECONDS}s",
        f"-c idle_session_timeout={SILENT_LEADER_SECONDS}s",
    )


def migration_conninfo(dsn: str) -> str:
    """Return the DSN for migrations, whose statements may take as long as they need."""
    return _with_options(dsn, "-c lock_timeout=60s")


def _with_options(dsn: str, *defaults: str) -> str:
    given = conninfo_to_dict(dsn)
    options = str(given.get("options") or "")
    if not _SEARCH_PATH.search(options):
        defaults = (*defaults, f"-c search_path={DEFAULT_SCHEMA}")
    return make_conninfo(
        dsn,
        # The last setting wins, so the operator's own options come last.
        options=" ".join([*defaults, "-c timezone=UTC", options]).strip(),
        connect_timeout=given.get("connect_timeout") or CONNECT_SECONDS,
        application_name=given.get("application_name") or "rtmanager",
    )
