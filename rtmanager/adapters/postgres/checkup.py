"""What `rtmanager doctor` asks Postgres; nothing is changed, not even the schema."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import AsyncConnection, ProgrammingError

from rtmanager.adapters.postgres.conninfo import migration_conninfo
from rtmanager.adapters.postgres.errors import postgres_errors
from rtmanager.adapters.postgres.migrate import newest_migration

_FACTS: LiteralString = """
    SELECT current_setting('server_version'), pg_is_in_recovery(), clock_timestamp(),
           current_setting('max_connections')::integer,
           (parse_ident(trim(split_part(current_setting('search_path'), ',', 1))))[1]
"""
_STATE_ROOT: LiteralString = "SELECT state_token FROM installation"
_APPLIED: LiteralString = "SELECT max(number) FROM applied_migrations"


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """What a server says; `applied` is None before the first migration."""

    version: str
    is_standby: bool
    time: datetime
    max_connections: int
    schema: str
    applied: int | None
    newest: int


async def postgres_facts(dsn: str) -> PostgresFacts:
    """Ask the server; raise ServiceUnavailable when it cannot be reached."""
    with postgres_errors():
        conninfo = migration_conninfo(dsn)
        async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
            row = await (await connection.execute(_FACTS)).fetchone()
            assert row is not None  # noqa: S101 - the query always has one
            version, is_standby, time, max_connections, schema = row
            return PostgresFacts(
                version=version.partition(" ")[0],
                is_standby=is_standby,
                time=time,
                max_connections=max_connections,
                schema=schema,
                applied=await _applied(connection),
                newest=newest_migration(),
            )


async def state_token(dsn: str) -> str | None:
    """Return the token of the shared state root; None before one was claimed.

    Raises ServiceUnavailable when the server cannot be reached.
    """
    with postgres_errors():
        conninfo = migration_conninfo(dsn)
        async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
            try:
                row = await (await connection.execute(_STATE_ROOT)).fetchone()
            except ProgrammingError:  # no such table, or an older schema
                return None
    return None if row is None else row[0]


async def _applied(connection: "AsyncConnection[tuple[object, ...]]") -> int | None:
    try:
        row = await (await connection.execute(_APPLIED)).fetchone()
    except ProgrammingError:  # no such table, or no right to read it: the service would migrate
        return None
    return int(str(row[0])) if row and row[0] is not None else None
