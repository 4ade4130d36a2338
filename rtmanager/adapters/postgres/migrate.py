"""Preparing the database: migrating its schema, creating the installation's id."""

import secrets
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import kwargs_row, scalar_row

from rtmanager.adapters.postgres.conninfo import migration_conninfo
from rtmanager.adapters.postgres.errors import MigrationFailed, first_line, postgres_errors
from rtmanager.adapters.postgres.pool import Connection, PostgresPool

MIGRATIONS = Path(__file__).parent / "migrations"
INSTALLATION_ID_BYTES = 8

_FAULTS = (psycopg.ProgrammingError, psycopg.IntegrityError, psycopg.DataError)

_SCHEMA: LiteralString = (
    "SELECT (parse_ident(trim(split_part(current_setting('search_path'), ',', 1))))[1]"
)

# The previous release takes the same lock.
_LOCK: LiteralString = "SELECT pg_advisory_lock(hashtextextended('rtmanager.migrate:' || %s, 0))"

_SCHEMA_EXISTS: LiteralString = "SELECT 1 FROM pg_namespace WHERE nspname = %s"

_TABLE_EXISTS: LiteralString = """
    SELECT 1 FROM pg_tables
    WHERE schemaname = current_schema() AND tablename = 'applied_migrations'
"""
_TABLES = Path(__file__).parent / "applied_migrations.sql"

_APPLIED: LiteralString = "SELECT number, name, checksum FROM applied_migrations ORDER BY number"

_APPLIED_BY_YOYO: LiteralString = "SELECT migration_id FROM _yoyo_migrations"

_RECORD: LiteralString = """
    INSERT INTO applied_migrations (number, name, checksum)
    VALUES (%(number)s, %(name)s, %(checksum)s)
"""

_RECORD_FOR_YOYO: LiteralString = """
    INSERT INTO _yoyo_migrations (migration_hash, migration_id, applied_at_utc)
    VALUES (%(name_hash)s, %(name)s, now() AT TIME ZONE 'UTC')
    ON CONFLICT DO NOTHING
"""

# Selected first, because a server that is temporarily read-only may already have it.
_GET_INSTALLATION: LiteralString = "SELECT id FROM installation"

_MAKE_INSTALLATION: LiteralString = (
    "INSERT INTO installation (id) VALUES (%s) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """The result of a migration: the schema's version before and after; 0 is an empty schema."""

    schema: str
    from_version: int
    to_version: int


@dataclass(frozen=True, slots=True)
class Migration:
    """A numbered migration, from a file of this release or as recorded in the database."""

    number: int
    name: str
    checksum: str

    @property
    def path(self) -> Path:
        """The file."""
        return MIGRATIONS / f"{self.name}.sql"


async def migrate(dsn: str) -> MigrationReport:
    """Apply every missing migration; several processes may do so at the same time.

    Migrations of a later release are left alone, because that release may be running too. Raises
    MigrationFailed when the database does not permit it, when a migration fails, or when an applied
    one differs from that of this release; ServiceUnavailable when Postgres cannot be reached.
    """
    with postgres_errors():
        try:
            conninfo = migration_conninfo(dsn)
            async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
                return await _migrate(connection)
        except InsufficientPrivilege as error:
            raise MigrationFailed(
                f"Postgres does not permit the migration: {first_line(error)}; grant the user"
                " CREATE on the database, or on the schema if that exists"
            ) from error
        except _FAULTS as error:
            raise MigrationFailed(f"the migration failed: {first_line(error)}") from error


async def _migrate(connection: Connection) -> MigrationReport:
    (schema,) = await _column(connection, _SCHEMA)
    # Released when the session ends, in any way.
    await connection.execute(_LOCK, [schema])
    await _prepare(connection, schema)
    files, applied = _files(), await _applied(connection)
    _demand_same(files, applied)
    missing = sorted(files.keys() - applied.keys())
    # Only read when needed: a later release may have dropped that table.
    by_yoyo = await _column(connection, _APPLIED_BY_YOYO) if missing else []
    before = max([*applied, *map(_number, by_yoyo)], default=0)
    for number in missing:
        await _apply(connection, files[number], is_applied=files[number].name in by_yoyo)
    return MigrationReport(schema, before, max(before, *files))


async def _prepare(connection: Connection, schema: str) -> None:
    """Create a missing schema and tables; existing ones need no CREATE privilege."""
    async with connection.transaction():
        if not await _column(connection, _SCHEMA_EXISTS, schema):
            statement = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema))
            await connection.execute(statement)
        if not await _column(connection, _TABLE_EXISTS):
            await connection.execute(_TABLES.read_bytes())


def _files() -> dict[int, Migration]:
    """Return the migrations of this release by number."""
    return {_number(path.stem): _read(path) for path in MIGRATIONS.glob("*.sql")}


def newest_migration() -> int:
    """Return the number of the newest migration of this release."""
    return max(_files())


def _read(path: Path) -> Migration:
    checksum = sha256(path.read_bytes()).hexdigest()
    return Migration(_number(path.stem), path.stem, checksum)


async def _applied(connection: Connection) -> dict[int, Migration]:
    """Return the migrations recorded in the database, by number."""
    try:
        cursor = await connection.cursor(row_factory=kwargs_row(Migration)).execute(_APPLIED)
    except InsufficientPrivilege as error:
        raise MigrationFailed(
            f"Postgres does not permit reading the applied migrations: {first_line(error)}; grant"
            " the user SELECT on applied_migrations and on the tables of the service"
        ) from error
    return {migration.number: migration for migration in await cursor.fetchall()}


def _demand_same(files: dict[int, Migration], applied: dict[int, Migration]) -> None:
    """Raise MigrationFailed unless the applied migrations are those of this release."""
    for number, migration in applied.items():
        file = files.get(number)
        if file == migration or number > max(files):
            continue
        if file and file.name == migration.name:
            raise MigrationFailed(f"{file.name}.sql was changed after it was applied")
        raise MigrationFailed(
            f"the database has migration {migration.name}, but this release has "
            + (f"{file.name} in its place" if file else "none of that number")
        )


async def _apply(connection: Connection, migration: Migration, *, is_applied: bool) -> None:
    """Apply the migration, unless yoyo did, and record it in the same transaction."""
    try:
        async with connection.transaction():
            if not is_applied:
                await connection.execute(migration.path.read_bytes())
            await _record(connection, migration)
    except InsufficientPrivilege:
        raise
    except _FAULTS as error:
        raise MigrationFailed(f"{migration.name}.sql failed: {first_line(error)}") from error


async def _record(connection: Connection, migration: Migration) -> None:
    await connection.execute(_RECORD, asdict(migration))
    name_hash = sha256(migration.name.encode()).hexdigest()
    await connection.execute(_RECORD_FOR_YOYO, {"name": migration.name, "name_hash": name_hash})


async def installation_id(pool: PostgresPool) -> str:
    """Return the installation's id, created on first use; all processes get the same one.

    Raises ServiceUnavailable.
    """
    async with pool.connection() as connection:
        if known := await _column(connection, _GET_INSTALLATION):
            return str(known[0])
        # Of two concurrent inserts the later one waits, and then changes nothing.
        new = secrets.token_hex(INSTALLATION_ID_BYTES)
        await connection.execute(_MAKE_INSTALLATION, [new])
        (made,) = await _column(connection, _GET_INSTALLATION)
        return str(made)


async def _column(connection: Connection, query: LiteralString, *parameters: object) -> list[Any]:
    cursor = connection.cursor(row_factory=scalar_row)
    return await (await cursor.execute(query, parameters)).fetchall()


def _number(name: str) -> int:
    return int(name.partition("_")[0])
