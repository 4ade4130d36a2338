"""Bringing the database schema up to date."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from yoyo import read_migrations

from rtmanager.adapters.postgres.connection_settings import migration_conninfo
from rtmanager.adapters.postgres.errors import MigrationFailed, first_line, postgres_errors
from rtmanager.adapters.postgres.migration_backend import MigrationBackend

MIGRATIONS = Path(__file__).parent / "migrations"

_SCHEMA = "SELECT (parse_ident(trim(split_part(current_setting('search_path'), ',', 1))))[1]"
_LOCK = "SELECT pg_advisory_lock(hashtextextended('rtmanager.migrate:' || %s, 0))"


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a migration did: the schema's version before and after; 0 is an empty schema."""

    schema: str
    from_version: int
    to_version: int


async def migrate(dsn: str) -> MigrationReport:
    """Apply every migration that is missing, safely also when several processes do it at once.

    Raises MigrationFailed when the database does not let us, ServiceUnavailable when it cannot be
    reached.
    """
    return await asyncio.to_thread(_migrate, dsn)


def _migrate(dsn: str) -> MigrationReport:
    with postgres_errors():
        try:
            # The session's end, however it comes, gives the lock back.
            with MigrationBackend(migration_conninfo(dsn)) as backend:
                return _apply(backend)
        except InsufficientPrivilege as error:
            raise MigrationFailed(
                f"Postgres does not permit the migration: {first_line(error)}; grant the user"
                " CREATE on the database, or on the schema if that exists"
            ) from error
        except (psycopg.ProgrammingError, psycopg.IntegrityError) as error:
            raise MigrationFailed(f"a migration failed: {first_line(error)}") from error


def _apply(backend: MigrationBackend) -> MigrationReport:
    schema = _one_text(backend.connection, _SCHEMA)
    backend.connection.execute(_LOCK, [schema])
    _ensure_schema(backend.connection, schema)
    before = backend.version()
    for migration in backend.to_apply(read_migrations(str(MIGRATIONS))):
        backend.apply_one(migration)
    return MigrationReport(schema, before, backend.version())


def _ensure_schema(connection: psycopg.Connection, schema: str) -> None:
    # Asked first: IF NOT EXISTS alone demands the right to create even when it has nothing to do.
    if (
        connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchone()
        is None
    ):
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


def _one_text(connection: psycopg.Connection, statement: str) -> str:
    (text,) = connection.execute(statement).fetchone() or ("",)
    return str(text)
