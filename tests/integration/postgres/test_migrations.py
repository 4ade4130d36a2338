import asyncio
import re
import secrets
import shutil
import threading
from enum import StrEnum
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from dev.embedded_postgres import EmbeddedPostgres
from rtmanager.adapters.postgres import migrate as migrate_module
from rtmanager.adapters.postgres.errors import MigrationFailed
from rtmanager.adapters.postgres.migrate import MIGRATIONS, MigrationReport, migrate
from rtmanager.domain.errors import ErrorCode, ServiceUnavailable
from rtmanager.domain.health import HealthEventType
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.operation import OperationKind, OpSource, Outcome, Phase, StopReason
from rtmanager.domain.ports.health_log import Watch
from rtmanager.domain.runtime import RuntimeStatus

NEWEST = max(int(path.name[:4]) for path in MIGRATIONS.glob("*.sql"))
TABLES = {
    "runtime_records",
    "operation_log",
    "game_leases",
    "health_snapshots",
    "health_baselines",
    "outbox",
    "outbox_quota_uses",
    "engine_health",
    "probe_rounds",
    "operator_events",
    "present_drift",
    "replicas",
    "installation",
    "applied_migrations",
}
SLEEPERS: LiteralString = """
    SELECT pid FROM pg_stat_activity
    WHERE wait_event = 'PgSleep' AND datname = current_database()
"""
_SCHEMA: LiteralString = """
    SELECT 'column', table_name || '.' || column_name, data_type || ' ' || is_nullable
    FROM information_schema.columns WHERE table_schema = 'rtmanager'
    UNION ALL
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'rtmanager'
    UNION ALL
    SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'rtmanager'::regnamespace
    ORDER BY 1, 2, 3
"""


def admin(postgres: EmbeddedPostgres, statement: sql.Composed) -> None:
    """Run one statement on the default database."""
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(statement)


def ask(dsn: str, query: LiteralString, *parameters: object) -> list[Any]:
    """Return the rows of a query."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(query, parameters or None)
        return cursor.fetchall() if cursor.description else []


def test_files_are_numbered_without_gaps() -> None:
    """A migration's file name is four digits and a description; its contents are plain SQL."""
    names = sorted(path.name for path in MIGRATIONS.iterdir())

    assert all(re.fullmatch(r"\d{4}(_[a-z0-9]+)+\.sql", name) for name in names)
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


async def test_migrating_an_empty_database_makes_the_tables(empty_dsn: str) -> None:
    """All tables, including that of applied migrations, are in one schema."""
    report = await migrate(empty_dsn)

    assert report == MigrationReport("rtmanager", 0, NEWEST)
    tables = ask(empty_dsn, "SELECT tablename FROM pg_tables WHERE schemaname = 'rtmanager'")
    assert {name for (name,) in tables if not name.startswith("_yoyo")} == TABLES
    assert ask(empty_dsn, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize(
    "index",
    [
        "runtime_records_by_status_and_age",
        "runtime_records_by_dns_name",
        "runtime_records_one_per_dns_name",
        "operation_log_history",
        "operation_log_one_open_per_game",
        "operation_log_one_row_per_job",
        "outbox_unsent",
    ],
)
async def test_every_promised_index_exists(database_dsn: str, index: str) -> None:
    """Every query by retention, name, history, intent, job entry or unsent message has an index."""
    found = ask(database_dsn, "SELECT 1 FROM pg_indexes WHERE indexname = %s", index)

    assert len(found) == 1


async def test_second_run_changes_nothing(empty_dsn: str) -> None:
    """Migrating again at every start is safe."""
    await migrate(empty_dsn)
    before = ask(empty_dsn, _SCHEMA)

    report = await migrate(empty_dsn)

    assert report == MigrationReport("rtmanager", NEWEST, NEWEST)
    assert ask(empty_dsn, _SCHEMA) == before


async def test_many_at_once_apply_each_migration_once(empty_dsn: str) -> None:
    """Several processes may migrate at the same time."""
    reports = await asyncio.gather(*(migrate(empty_dsn) for _ in range(4)))

    assert sorted(report.from_version for report in reports) == [0, NEWEST, NEWEST, NEWEST]
    assert {report.to_version for report in reports} == {NEWEST}


async def test_migration_killed_in_the_middle_is_recovered(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A half-done migration is rolled back with its connection and applied by the next run."""
    for path in MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text() + "\nSELECT pg_sleep(60);\n")
    with monkeypatch.context() as patch:
        patch.setattr(migrate_module, "MIGRATIONS", tmp_path)
        killer = threading.Thread(target=kill_the_sleeper, args=(empty_dsn,))
        killer.start()
        with pytest.raises(ServiceUnavailable, match="Postgres"):
            await migrate(empty_dsn)
        killer.join()
    assert ask(empty_dsn, "SELECT to_regclass('rtmanager.outbox')") == [(None,)]

    report = await migrate(empty_dsn)

    assert report == MigrationReport("rtmanager", 0, NEWEST)


async def test_migration_that_is_cancelled_is_rolled_back(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A service that is stopped while it migrates does not finish the migration first."""
    (tmp_path / "0001_slow.sql").write_text("CREATE TABLE half (id int);\nSELECT pg_sleep(60);\n")
    monkeypatch.setattr(migrate_module, "MIGRATIONS", tmp_path)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await migrate(empty_dsn)

    assert ask(empty_dsn, "SELECT to_regclass('rtmanager.half')") == [(None,)]
    assert ask(empty_dsn, SLEEPERS) == []


def kill_the_sleeper(dsn: str) -> None:
    """Terminate the sleeping connection as soon as there is one."""
    while not (sleepers := ask(dsn, SLEEPERS)):
        pass
    for (pid,) in sleepers:
        ask(dsn, "SELECT pg_terminate_backend(%s)", pid)


async def test_faulty_migration_is_named_and_rolled_back(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A migration is applied whole or not at all."""
    (tmp_path / "0001_broken.sql").write_text("CREATE TABLE half (id int);\nSELECT nonsense;\n")
    monkeypatch.setattr(migrate_module, "MIGRATIONS", tmp_path)

    with pytest.raises(MigrationFailed, match=r"0001_broken\.sql failed: .*nonsense"):
        await migrate(empty_dsn)

    assert ask(empty_dsn, "SELECT to_regclass('rtmanager.half')") == [(None,)]


async def test_migration_that_cannot_be_recorded_is_rolled_back(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration and its record are one transaction, or it would be applied twice."""

    async def die(*_: object) -> None:
        raise psycopg.OperationalError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(migrate_module, "_record", die)
        with pytest.raises(ServiceUnavailable, match="killed"):
            await migrate(empty_dsn)

    report = await migrate(empty_dsn)

    assert report == MigrationReport("rtmanager", 0, NEWEST)


def copy_migrations(to: Path) -> list[Path]:
    """Copy the migrations and return the copies in their order."""
    for path in MIGRATIONS.glob("*.sql"):
        shutil.copy(path, to)
    return sorted(to.iterdir())


@pytest.mark.parametrize("number", [1, NEWEST])
async def test_migration_that_was_changed_after_it_was_applied_is_named(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    """A changed migration is an error, and nothing is applied on top of it."""
    await migrate(empty_dsn)
    changed = copy_migrations(tmp_path)[number - 1]
    changed.write_text(changed.read_text() + "-- one line more\n")
    (tmp_path / f"{NEWEST + 1:04}_next.sql").write_text("CREATE TABLE next (id int);\n")
    monkeypatch.setattr(migrate_module, "MIGRATIONS", tmp_path)

    with pytest.raises(MigrationFailed, match=f"{changed.name} was changed after it was applied"):
        await migrate(empty_dsn)

    assert ask(empty_dsn, "SELECT to_regclass('next')") == [(None,)]


async def test_migration_that_is_missing_here_is_named(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A database with a migration that this release skipped comes from another branch."""
    await migrate(empty_dsn)
    missing = copy_migrations(tmp_path)[1]
    missing.unlink()
    monkeypatch.setattr(migrate_module, "MIGRATIONS", tmp_path)

    with pytest.raises(MigrationFailed, match=f"has migration {missing.stem}, .* none"):
        await migrate(empty_dsn)


async def test_other_migration_of_the_same_number_is_named(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A database with another migration of the same number comes from another branch."""
    await migrate(empty_dsn)
    known = copy_migrations(tmp_path)[1]
    known.rename(tmp_path / "0002_another.sql")
    monkeypatch.setattr(migrate_module, "MIGRATIONS", tmp_path)

    with pytest.raises(MigrationFailed, match=f"has migration {known.stem}, .* 0002_another"):
        await migrate(empty_dsn)


async def test_migration_of_a_later_release_is_left_alone(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """During a roll-out a later release may have migrated before this one starts."""
    copy_migrations(tmp_path)
    (tmp_path / f"{NEWEST + 1:04}_next.sql").write_text("CREATE TABLE next (id int);\n")
    with monkeypatch.context() as patch:
        patch.setattr(migrate_module, "MIGRATIONS", tmp_path)
        await migrate(empty_dsn)

    report = await migrate(empty_dsn)

    assert report == MigrationReport("rtmanager", NEWEST + 1, NEWEST + 1)


async def test_server_that_is_read_only_lets_a_migrated_database_pass(empty_dsn: str) -> None:
    """A read-only server, as after a failover, is fine when nothing is to be migrated."""
    await migrate(empty_dsn)
    options = "-csearch_path=rtmanager -cdefault_transaction_read_only=on"

    report = await migrate(make_conninfo(empty_dsn, options=options))

    assert report == MigrationReport("rtmanager", NEWEST, NEWEST)


async def test_schema_of_the_dsn_is_used(empty_dsn: str) -> None:
    """The DSN's search path decides the schema of the tables."""
    dsn = make_conninfo(empty_dsn, options="-csearch_path=elsewhere")

    report = await migrate(dsn)

    assert report.schema == "elsewhere"
    assert ask(dsn, "SELECT to_regclass('elsewhere.outbox') IS NOT NULL") == [(True,)]


async def test_search_path_of_postgres_itself_can_be_migrated_again(empty_dsn: str) -> None:
    """Postgres' default path names the user's schema first, which need not exist."""
    dsn = make_conninfo(empty_dsn, options='-csearch_path="$user",public')

    first, again = await migrate(dsn), await migrate(dsn)

    assert (first.from_version, first.to_version) == (0, NEWEST)
    assert (again.from_version, again.to_version) == (NEWEST, NEWEST)


async def test_schema_is_rtmanager_when_the_dsn_names_none(empty_dsn: str) -> None:
    """Without a search path the tables are not created in `public`."""
    report = await migrate(make_conninfo(empty_dsn, options=""))

    assert report.schema == "rtmanager"


async def test_missing_permission_is_explained(postgres: EmbeddedPostgres, empty_dsn: str) -> None:
    """The error names the privilege to grant."""
    with guest(postgres) as name:
        dsn = make_conninfo(empty_dsn, user=name, password="guest")

        with pytest.raises(MigrationFailed, match="grant the user CREATE"):
            await migrate(dsn)


async def test_migrated_database_needs_no_right_to_create(
    postgres: EmbeddedPostgres, empty_dsn: str
) -> None:
    """An administrator may migrate, and the service run without privileges to create."""
    await migrate(empty_dsn)
    with guest(postgres) as name:
        user = sql.Identifier(name)
        with psycopg.connect(empty_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA rtmanager TO {}").format(user))
            statement = sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA rtmanager TO {}")
            connection.execute(statement.format(user))

        report = await migrate(make_conninfo(empty_dsn, user=name, password="guest"))

        assert report == MigrationReport("rtmanager", NEWEST, NEWEST)
        with psycopg.connect(empty_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(user))


async def test_missing_right_to_read_is_explained(
    postgres: EmbeddedPostgres, empty_dsn: str
) -> None:
    """Where an administrator migrates, the service needs to read what was applied."""
    await migrate(empty_dsn)
    with guest(postgres) as name:
        user = sql.Identifier(name)
        with psycopg.connect(empty_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA rtmanager TO {}").format(user))

        with pytest.raises(MigrationFailed, match="SELECT on applied_migrations"):
            await migrate(make_conninfo(empty_dsn, user=name, password="guest"))

        with psycopg.connect(empty_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(user))


async def test_existing_schema_needs_no_right_to_create_schemas(
    postgres: EmbeddedPostgres, empty_dsn: str
) -> None:
    """The service can migrate a schema that an administrator created."""
    with guest(postgres) as name:
        with psycopg.connect(empty_dsn, autocommit=True) as connection:
            statement = sql.SQL("CREATE SCHEMA rtmanager AUTHORIZATION {}")
            connection.execute(statement.format(sql.Identifier(name)))

        report = await migrate(make_conninfo(empty_dsn, user=name, password="guest"))

        assert report.to_version == NEWEST
        with psycopg.connect(empty_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))


class guest:  # noqa: N801 - reads as a context
    """A user with no privileges beyond connecting."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres, self._name = postgres, f"guest_{secrets.token_hex(4)}"

    def __enter__(self) -> str:
        statement = sql.SQL("CREATE USER {} PASSWORD 'guest'")
        admin(self._postgres, statement.format(sql.Identifier(self._name)))
        return self._name

    def __exit__(self, *_: object) -> None:
        admin(self._postgres, sql.SQL("DROP USER {}").format(sql.Identifier(self._name)))


async def test_unreachable_postgres_is_unavailable(empty_dsn: str) -> None:
    """The error names Postgres and hides the password."""
    password = str(conninfo_to_dict(empty_dsn)["password"])

    with pytest.raises(ServiceUnavailable, match="Postgres") as raised:
        await migrate(make_conninfo(empty_dsn, port=1))

    assert password not in str(raised.value)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("runtime_records_status", RuntimeStatus),
        ("operation_log_kind", OperationKind),
        ("operation_log_source", OpSource),
        ("operation_log_reason", StopReason),
        ("operation_log_outcome", Outcome),
        ("operation_log_phase", Phase),
        ("operation_log_error_code", ErrorCode),
        ("health_snapshots_event_type", HealthEventType),
        ("health_baselines_watch", Watch),
        ("outbox_stream", OutboxStream),
    ],
)
async def test_constraint_allows_exactly_the_values_of_the_enum(
    database_dsn: str, constraint: str, values: type[StrEnum]
) -> None:
    """A new value of an enum needs a migration."""
    query: LiteralString = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s"
    ((definition,),) = ask(database_dsn, query, constraint)

    assert set(re.findall(r"'([^']*)'::text", definition)) == {value.value for value in values}
