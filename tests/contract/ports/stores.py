"""The two stores under test, and direct access to their contents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import RowFactory, kwargs_row, tuple_row

from rtmanager.adapters.in_memory.drift_log import InMemoryDriftLog
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.operation_history import InMemoryOperationHistory
from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.adapters.in_memory.operator_events import InMemoryOperatorEvents
from rtmanager.adapters.in_memory.store import (
    InMemoryEngineHealth,
    InMemoryHealthLog,
    InMemoryRuntimeRecords,
    InMemoryStore,
)
from rtmanager.adapters.postgres.drift_log import PostgresDriftLog
from rtmanager.adapters.postgres.engine_health import PostgresEngineHealth
from rtmanager.adapters.postgres.health_log import PostgresHealthLog
from rtmanager.adapters.postgres.operation_history import PostgresOperationHistory
from rtmanager.adapters.postgres.operation_journal import PostgresOperationJournal
from rtmanager.adapters.postgres.operation_log import SELECT
from rtmanager.adapters.postgres.operation_rows import operation_row
from rtmanager.adapters.postgres.operator_events import PostgresOperatorEvents
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.runtime_records import PostgresRuntimeRecords
from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.operation import Fence, Operation
from rtmanager.domain.ports.drift_log import DriftLog
from rtmanager.domain.ports.engine_health import EngineHealth
from rtmanager.domain.ports.health_log import HealthLog
from rtmanager.domain.ports.operation_history import OperationHistory
from rtmanager.domain.ports.operation_journal import OperationJournal
from rtmanager.domain.ports.operator_events import OperatorEvents
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from tests.support.proxy import Proxy

_SNAPSHOT: LiteralString = """
    SELECT game_id, container_id, event_type, details, observed_at AS occurred_at
    FROM health_snapshots WHERE game_id = %s
"""


class Store(Protocol):
    """A store under test, with readable contents and injectable faults."""

    @property
    def records(self) -> RuntimeRecords:
        """The read side."""

    @property
    def journal(self) -> OperationJournal:
        """The write side."""

    @property
    def history(self) -> OperationHistory:
        """The operation log as it is read."""

    @property
    def events(self) -> OperatorEvents:
        """What operators are told."""

    @property
    def drift_log(self) -> DriftLog:
        """The drift that is there."""

    @property
    def health_log(self) -> HealthLog:
        """Snapshots, baselines and observations."""

    @property
    def engine_health(self) -> EngineHealth:
        """The read side of health."""

    def outbox(self) -> list[tuple[str, dict[str, str]]]:
        """Return stream and fields of every message, oldest first."""

    def operation(self, operation_id: Fence) -> Operation | None:
        """Return one operation."""

    def operations(self, game_id: GameId) -> list[Operation]:
        """Return the game's operations, newest first."""

    def health(self, game_id: GameId) -> HealthEvent | None:
        """Return a game's snapshot."""

    def go_away(self) -> None:
        """Become unreachable."""

    def come_back(self) -> None:
        """Be reachable again."""

    def lose_reply_to_commit(self) -> None:
        """Let the next transaction commit but lose the reply."""

    def lose_reply_to_save(self) -> None:
        """Let the next progress be saved but lose the reply."""

    def die_before_commit(self) -> None:
        """Drop the connection of the next transaction after its last statement."""


class MemoryStore:
    """The double."""

    def __init__(self) -> None:
        store = self._memory = InMemoryStore()
        fault = self._fault
        self.records: RuntimeRecords = with_faults(InMemoryRuntimeRecords(store), "records", fault)
        self.journal: OperationJournal = with_faults(
            InMemoryOperationJournal(store), "store", fault
        )
        self.history: OperationHistory = with_faults(
            InMemoryOperationHistory(store), "history", fault
        )
        self.health_log: HealthLog = with_faults(InMemoryHealthLog(store), "health", fault)
        self.events: OperatorEvents = with_faults(
            InMemoryOperatorEvents(store.event_table), "operator_events", fault
        )
        self.drift_log: DriftLog = with_faults(InMemoryDriftLog(store), "drift_log", fault)
        self.engine_health: EngineHealth = InMemoryEngineHealth(store)
        self._is_away = self._loses_reply = self._dies = False

    async def _fault(self, point: str) -> None:
        done = point.endswith(":done")
        if self._is_away or self._dies or (done and self._loses_reply):
            self._loses_reply = self._dies = False
            raise ServiceUnavailable

    def outbox(self) -> list[tuple[str, dict[str, str]]]:
        """Return the messages."""
        return [(each.stream.value, dict(each.fields)) for each in self._memory.outbox]

    def operation(self, operation_id: Fence) -> Operation | None:
        """Return the operation."""
        return self._memory.operations.get(operation_id)

    def operations(self, game_id: GameId) -> list[Operation]:
        """Return the game's operations."""
        newest_first = reversed(self._memory.operations.values())
        return [each for each in newest_first if each.game_id == game_id]

    def health(self, game_id: GameId) -> HealthEvent | None:
        """Return the snapshot."""
        return self._memory.health_snapshots.get(game_id)

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
        self.pool = PostgresPool(
            make_conninfo(self.dsn, port=self.proxy.port), checkout_timeout=0.5
        )
        self.records: RuntimeRecords = PostgresRuntimeRecords(self.pool)
        self.journal: OperationJournal = PostgresOperationJournal(self.pool)
        self.history: OperationHistory = PostgresOperationHistory(self.pool)
        self.health_log: HealthLog = PostgresHealthLog(self.pool)
        self.events: OperatorEvents = PostgresOperatorEvents(
            self.pool, make_conninfo(self.dsn, port=self.proxy.port)
        )
        self.drift_log: DriftLog = PostgresDriftLog(self.pool)
        self.engine_health: EngineHealth = PostgresEngineHealth(self.pool)

    def outbox(self) -> list[tuple[str, dict[str, str]]]:
        """Return the rows of the table."""
        return self._rows("SELECT stream, fields FROM outbox ORDER BY id")

    def operation(self, operation_id: Fence) -> Operation | None:
        """Return the row of the table."""
        return next(iter(self._operations("id = %s", operation_id)), None)

    def operations(self, game_id: GameId) -> list[Operation]:
        """Return the game's rows."""
        return self._operations("game_id = %s ORDER BY id DESC", stored_game_id(game_id))

    def health(self, game_id: GameId) -> HealthEvent | None:
        """Return the row of the table."""
        return next(iter(self._rows(_SNAPSHOT, game_id, row_factory=kwargs_row(_event))), None)

    def _operations(self, condition: LiteralString, parameter: object) -> list[Operation]:
        query: LiteralString = f"{SELECT} WHERE {condition}"
        return self._rows(query, parameter, row_factory=operation_row)

    def _rows(
        self, query: LiteralString, *parameters: object, row_factory: RowFactory[Any] = tuple_row
    ) -> list[Any]:
        with psycopg.connect(self.dsn, row_factory=row_factory) as connection:
            return connection.execute(query, parameters).fetchall()

    def go_away(self) -> None:
        """Drop and refuse connections."""
        self.proxy.refuse()

    def come_back(self) -> None:
        """Accept connections again."""
        self.proxy.pass_on()

    def lose_reply_to_commit(self) -> None:
        """Drop the reply to the next COMMIT."""
        self.proxy.lose_reply_to(b"COMMIT")

    def lose_reply_to_save(self) -> None:
        """Drop the reply to the next UPDATE, which is a transaction of its own."""
        self.proxy.lose_reply_to(b"UPDATE operation_log")

    def die_before_commit(self) -> None:
        """Drop the connection when all statements of a transaction have arrived but COMMIT."""
        self.proxy.cut_before(b"COMMIT")


def _event(*, event_type: str, **facts: Any) -> HealthEvent:
    return HealthEvent(event_type=HealthEventType(event_type), **facts)


@asynccontextmanager
async def open_store(dsn: str | None) -> AsyncIterator[Store]:
    """Yield the Postgres store with this database, or the in-memory one when there is none."""
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
