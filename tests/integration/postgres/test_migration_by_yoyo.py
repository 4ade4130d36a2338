"""Databases that the previous release migrated with yoyo are taken over while it still runs."""

import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from rtmanager.adapters.postgres import migrate as migrate_module
from rtmanager.adapters.postgres.migrate import MIGRATIONS, MigrationReport, migrate
from rtmanager.domain.errors import ServiceUnavailable

NAMES = [path.stem for path in sorted(MIGRATIONS.glob("*.sql"))]
NEWEST = len(NAMES)

# As yoyo 9.0 makes them.
_YOYO_TABLES: LiteralString = """
    CREATE TABLE "_yoyo_migrations" (
        "migration_hash" VARCHAR(64), "migration_id" VARCHAR(255), "applied_at_utc" TIMESTAMP,
        PRIMARY KEY ("migration_hash")
    );
    CREATE TABLE "_yoyo_log" (
        "id" VARCHAR(36), "migration_hash" VARCHAR(64), "migration_id" VARCHAR(255),
        "operation" VARCHAR(10), "username" VARCHAR(255), "hostname" VARCHAR(255),
        "comment" VARCHAR(255), "created_at_utc" TIMESTAMP, PRIMARY KEY ("id")
    );
    CREATE TABLE "_yoyo_version" (
        "version" INT NOT NULL PRIMARY KEY, "installed_at_utc" TIMESTAMP
    );
    INSERT INTO "_yoyo_version" VALUES (2, now());
"""
_YOYO_MARK: LiteralString = """
    INSERT INTO "_yoyo_migrations" ("migration_hash", "migration_id", "applied_at_utc")
    VALUES (%s, %s, now())
"""
_YOYO_LOG: LiteralString = """
    INSERT INTO "_yoyo_log" (
        "id", "migration_hash", "migration_id", "operation", "username", "hostname",
        "created_at_utc"
    )
    VALUES (gen_random_uuid(), %s, %s, 'apply', 'user', 'host', now())
"""
_YOYO_APPLIED: LiteralString = """
    SELECT "migration_hash" FROM "_yoyo_migrations" ORDER BY "applied_at_utc"
"""
_YOYO_NUMBER: LiteralString = """
    SELECT coalesce(max(substring(migration_id from '^[0-9]+')::int), 0) FROM "_yoyo_migrations"
"""
_GAME: LiteralString = """
    INSERT INTO outbox (game_id, stream, fields) VALUES ('chess-7', 'job_results', '{}')
"""


def migrate_with_yoyo(dsn: str, names: Sequence[str] = NAMES) -> tuple[int, int]:
    """Migrate as the previous release does at its start; return the numbers that it reports."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        _make_yoyo_tables(connection)
        before = _one(connection, _YOYO_NUMBER)
        applied = {value for (value,) in connection.execute(_YOYO_APPLIED).fetchall()}
        for name in names:
            if _hash(name) not in applied:
                _apply(connection, name)
        return before, _one(connection, _YOYO_NUMBER)


def _make_yoyo_tables(connection: psycopg.Connection) -> None:
    connection.execute("CREATE SCHEMA IF NOT EXISTS rtmanager")
    query: LiteralString = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    tables = {name for (name,) in connection.execute(query).fetchall()}
    if "_yoyo_migrations" not in tables:
        connection.execute(_YOYO_TABLES)
    # Without this table yoyo takes its own for a former format and recreates them.
    assert _one(connection, 'SELECT max("version") FROM "_yoyo_version"') == 2


def _apply(connection: psycopg.Connection, name: str) -> None:
    with connection.transaction():
        connection.execute((MIGRATIONS / f"{name}.sql").read_bytes())
        connection.execute(_YOYO_LOG, [_hash(name), name])
        connection.execute(_YOYO_MARK, [_hash(name), name])


def _hash(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def _one(connection: psycopg.Connection, query: LiteralString) -> Any:
    (value,) = connection.execute(query).fetchone() or (None,)
    return value


def recorded(dsn: str) -> list[str]:
    """Return the names of the migrations that this release has recorded."""
    query: LiteralString = "SELECT name FROM applied_migrations ORDER BY number"
    with psycopg.connect(dsn) as connection:
        return [name for (name,) in connection.execute(query).fetchall()]


async def test_migrated_database_is_taken_over(empty_dsn: str) -> None:
    """Nothing is applied a second time, and the tables keep their rows."""
    migrate_with_yoyo(empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        connection.execute(_GAME)

    report = await migrate(empty_dsn)

    assert report == MigrationReport("rtmanager", NEWEST, NEWEST)
    assert recorded(empty_dsn) == NAMES
    with psycopg.connect(empty_dsn) as connection:
        assert _one(connection, "SELECT count(*) FROM outbox") == 1


async def test_database_that_is_taken_over_is_brought_up_to_date(empty_dsn: str) -> None:
    """Only migrations that yoyo has not applied are applied."""
    migrate_with_yoyo(empty_dsn, NAMES[:3])

    report = await migrate(empty_dsn)

    assert report == MigrationReport("rtmanager", 3, NEWEST)
    assert recorded(empty_dsn) == NAMES


@pytest.mark.parametrize("applied", range(NEWEST + 1))
async def test_old_process_that_starts_later_has_nothing_to_do(
    empty_dsn: str, applied: int
) -> None:
    """The previous release finds yoyo's tables up to date in old and in new databases."""
    if applied:
        migrate_with_yoyo(empty_dsn, NAMES[:applied])
    await migrate(empty_dsn)

    assert migrate_with_yoyo(empty_dsn) == (NEWEST, NEWEST)


async def test_what_an_old_process_applies_meanwhile_is_not_applied_again(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the previous release applied after a half-finished migration is not applied again."""
    for name in NAMES[:2]:
        shutil.copy(MIGRATIONS / f"{name}.sql", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(migrate_module, "MIGRATIONS", tmp_path)
        await migrate(empty_dsn)
    assert migrate_with_yoyo(empty_dsn) == (2, NEWEST)

    report = await migrate(empty_dsn)

    assert report == MigrationReport("rtmanager", NEWEST, NEWEST)
    assert recorded(empty_dsn) == NAMES


async def test_yoyo_s_tables_are_not_needed_once_all_is_recorded(empty_dsn: str) -> None:
    """The next release may drop yoyo's tables while this one still runs."""
    await migrate(empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("DROP TABLE _yoyo_migrations, _yoyo_log, _yoyo_version")

    report = await migrate(empty_dsn)

    assert report == MigrationReport("rtmanager", NEWEST, NEWEST)


async def test_both_releases_wait_for_each_other(empty_dsn: str) -> None:
    """Both releases take the same lock, so that they never migrate at once."""
    lock = sql.SQL("SELECT pg_advisory_lock(hashtextextended('rtmanager.migrate:rtmanager', 0))")
    impatient = psycopg.conninfo.make_conninfo(
        empty_dsn, options="-csearch_path=rtmanager -clock_timeout=200ms"
    )
    with psycopg.connect(empty_dsn, autocommit=True) as old_process:
        old_process.execute(lock)

        with pytest.raises(ServiceUnavailable, match="lock timeout"):
            await migrate(impatient)

    assert await migrate(empty_dsn) == MigrationReport("rtmanager", 0, NEWEST)
