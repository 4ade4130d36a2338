"""The two stores that the port tests run on, with a look inside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.adapters.in_memory.store import (
    InMemoryHealthLog,
    InMemoryRuntimeRecords,
    InMemoryStore,
)
from rtmanager.adapters.postgres.health_log import PostgresHealthLog
from rtmanager.adapters.postgres.operation_journal import PostgresOperationJournal
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.runtime_records import PostgresRuntimeRecords
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.health_log import HealthLog
from rtmanager.domain.ports.operation_journal import OperationJournal
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from tests.services.proxy import Proxy


class Store(Protocol):
    """A store under test, its contents in sight and its faults in our hands."""

    @property
    def records(self) -> RuntimeRecords:
        """The read side."""

    @property
    def journal(self) -> OperationJournal:
        """The write side."""

    @property
    def health_log(self) -> HealthLog:
        """Snapshots and baselines."""

    def outbox(self) -> list[tuple[str, dict[str, str]]]:
        """Return stream and fields of every message, oldest first."""

    def health(self, game_id: GameId) -> tuple[str, dict[str, Any]] | None:
        """Return event type and details of a game's snapshot."""

    def go_away(self) -> None:
        """Become unreachable."""

    def come_back(self) -> None:
        """Be reachable again."""

    def lose_reply_to_commit(self) -> None:
        """Let the next transaction commit and drop the answer."""

    def lose_reply_to_save(self) -> None:
        """Let the next progress be written and drop the answer."""

    def die_before_commit(self) -> None:
        """Lose the connection of the next transaction after its last statement."""


class MemoryStore:
    """The double, with its faults in our hands."""

    def __init__(self) -> None:
        store = self._memory = InMemoryStore()
        fault = self._fault
        self.records: RuntimeRecords = with_faults(InMemoryRuntimeRecords(store), "records", fault)
        self.journal: OperationJournal = with_faults(
            InMemoryOperationJournal(store), "store", fault
        )
        self.health_log: HealthLog = with_faults(InMemoryHealthLog(store), "health", fault)
        self._is_away = self._loses_reply = self._dies = False

    async def _fault(self, point: str) -> None:
        done = point.endswith(":done")
        if self._is_away or self._dies or (done and self._loses_reply):
            self._loses_reply = self._dies = False
            raise ServiceUnavailable

    def outbox(self) -> list[tuple[str, dict[str, str]]]:
        """Return the messages."""
        return [(each.stream.value, dict(each.fields)) for each in self._memory.outbox]

    def health(self, game_id: GameId) -> tuple[str, dict[str, Any]] | None:
        """Return the snapshot."""
        event = self._memory.health_snapshots.get(game_id)
        return (event.event_type.value, dict(event.details)) if event else None

    def go_away(self) -> None:
        """Refuse every call."""
        self._is_away = True

    def come_back(self) -> None:
        """Let every call through."""
        self._is_away = False

    def lose_reply_to_commit(self) -> None:
        """Fail once, after the effect."""
        self._loses_reply = True

    def lose_reply_to_save(self) -> None:
        """Fail once, after the effect."""
        self._loses_reply = True

    def die_before_commit(self) -> None:
        """Fail once, before the effect."""
        self._dies = True


@dataclass
class PostgresStore:
    """Postgres behind a proxy."""

    dsn: str
    proxy: Proxy

    def __post_init__(self) -> None:
        self.pool = PostgresPool(make_conninfo(self.dsn, port=self.proxy.port), patience=0.5)
        self.records: RuntimeRecords = PostgresRuntimeRecords(self.pool)
        self.journal: OperationJournal = PostgresOperationJournal(self.pool)
        self.health_log: HealthLog = PostgresHealthLog(self.pool)

    def outbox(self) -> list[tuple[str, dict[str, str]]]:
        """Return the rows of the table."""
        return self._rows("SELECT stream, fields FROM outbox ORDER BY id")

    def health(self, game_id: GameId) -> tuple[str, dict[str, Any]] | None:
        """Return the row of the table."""
        query: LiteralString = "SELECT event_type, details FROM health_snapshots WHERE game_id = %s"
        return next(iter(self._rows(query, game_id)), None)

    def _rows(self, query: LiteralString, *parameters: object) -> list[Any]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query, parameters).fetchall()

    def go_away(self) -> None:
        """Drop and refuse connections."""
        self.proxy.refuse()

    def come_back(self) -> None:
        """Welcome connections."""
        self.proxy.pass_on()

    def lose_reply_to_commit(self) -> None:
        """Drop the answer to the next COMMIT."""
        self.proxy.lose_reply_to(b"COMMIT")

    def lose_reply_to_save(self) -> None:
        """Drop the answer to the next UPDATE, a transaction by itself."""
        self.proxy.lose_reply_to(b"UPDATE operation_log")

    def die_before_commit(self) -> None:
        """Drop the connection that inserts a message, the last statement of a transaction."""
        self.proxy.lose_reply_to(b"INSERT INTO outbox")


@asynccontextmanager
async def open_store(dsn: str | None) -> AsyncIterator[Store]:
    """Give the Postgres store with this database, or the one in memory when there is none."""
    if dsn is None:
        yield MemoryStore()
        return
    address = conninfo_to_dict(dsn)
    with Proxy((str(address["host"]), int(str(address["port"])))) as proxy:
        store = PostgresStore(dsn, proxy)
        await store.pool.open()
        await store.pool.ping()
        yield store
        await store.pool.close()
