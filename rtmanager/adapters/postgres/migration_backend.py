"""yoyo on our own connection, so that a migration and the note of it commit together."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.migrations import Migration

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_VERSION = "SELECT coalesce(max(substring(migration_id from '^[0-9]+')::int), 0)"


class MigrationBackend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """Applies migrations on one connection, under a lock that the caller holds on it.

    Left to itself, yoyo commits a migration on one connection and notes it on another: killed in
    between it would apply it twice. Its own lock is a row that outlives a killed process.
    """

    def __init__(self, conninfo: str) -> None:
        super().__init__(conninfo, "_yoyo_migrations")

    def connect(self, dburi: str) -> psycopg.Connection:
        """Open the connection."""
        return psycopg.connect(dburi, autocommit=True)

    def version(self) -> int:
        """Return the number of the newest migration that is applied, 0 when there is none."""
        self.ensure_internal_schema_updated()
        (version,) = self.execute(f"{_VERSION} FROM {self.migration_table_quoted}").fetchone()
        return int(version)

    def apply_one(self, migration: Migration, *, force: bool = False, mark: bool = True) -> None:
        """Apply a migration and note it, in one transaction."""
        with self.transaction():
            migration.process_steps(self, "apply", force=force)
            self.log_migration(migration, "apply")
            if mark:
                self.mark_one(migration, log=False)

    @contextmanager
    def lock(self, timeout: float = 0) -> Iterator[None]:  # noqa: ARG002 - yoyo's signature
        """Do nothing: the caller's advisory lock is held."""
        yield

    def list_tables(self, **_kwargs: Any) -> list[str]:
        """Return the tables of our schema."""
        return [name for (name,) in self.execute(_TABLES).fetchall()]

    def get_log_data(
        self, migration: Migration | None = None, operation: str = "apply"
    ) -> dict[str, object]:
        """Return what is logged of a migration, without asking the system's users or DNS."""
        return {
            "id": str(uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self.connection.info.user,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }
