"""Runtime records in Postgres: reading and writing the table."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, fields
from typing import Any, LiteralString

from psycopg import AsyncCursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from rtmanager.adapters.postgres.deadline import deadline
from rtmanager.adapters.postgres.pool import ANSWER_SECONDS, Connection, Connections
from rtmanager.adapters.postgres.shared_reads import SharedReads
from rtmanager.adapters.postgres.stored_values import Columns, storable, stored_game_id
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.runtime_records import PAGE, PAGES_SECONDS
from rtmanager.domain.runtime import ListedRecord, RuntimeRecord, RuntimeStatus

COLUMNS = Columns("""
    game_id, status, current_container_id, current_image_ref, image_id, engine_endpoint,
    state_path, docker_network, started_at, stopped_at, removed_at, last_op_at, created_at,
    last_fence
""")

_LISTED = Columns("""
    game_id, status, current_container_id, current_image_ref, engine_endpoint, state_path,
    docker_network, started_at, stopped_at, removed_at, last_op_at, created_at
""")

_FIELDS = [field.name for field in fields(RuntimeRecord)]
_STATUS = {status.value: status for status in RuntimeStatus}

_GET: LiteralString = f"SELECT {COLUMNS.names} FROM runtime_records WHERE game_id = %s"

_GET_SOME: LiteralString = f"SELECT {COLUMNS.names} FROM runtime_records WHERE game_id = ANY(%s)"

_LOCK: LiteralString = f"{_GET} FOR UPDATE"

_LIST: LiteralString = f'SELECT {COLUMNS.names} FROM runtime_records ORDER BY game_id COLLATE "C"'

# What a cursor shows is as of its declaration, whatever is committed while it is read.
_DECLARE: LiteralString = f"""
    DECLARE records NO SCROLL CURSOR FOR
    SELECT {_LISTED.names} FROM runtime_records ORDER BY game_id COLLATE "C"
"""

_FETCH = SQL("FETCH {} FROM records")

COUNT_BY_STATUS: LiteralString = """
    SELECT jsonb_object_agg(status, records) FROM (
        SELECT status, count(*) AS records FROM runtime_records GROUP BY status
    ) AS counted
"""

# An id as a name in Docker's DNS: "C" folds only ASCII, and game ids have nothing else.
_DNS_NAME: LiteralString = """lower(rtrim(%(game_id)s::text COLLATE "C", '.'))"""

# Serialises the beginning of operations on one name, even when there is no record to lock.
LOCK_NAME: LiteralString = f"SELECT pg_advisory_xact_lock(hashtextextended({_DNS_NAME}, 0))"

NAMESAKE: LiteralString = f"""
    SELECT game_id FROM runtime_records
    WHERE lower(rtrim(game_id, '.')) = {_DNS_NAME} AND game_id <> %(game_id)s
    UNION ALL
    SELECT game_id FROM operation_log
    WHERE outcome IS NULL
        AND lower(rtrim(game_id, '.')) = {_DNS_NAME} AND game_id <> %(game_id)s
    LIMIT 1
"""

# A record states facts, so it is written even for a game whose name another game already has, as an
# earlier release allowed: then without the name.
_SAVE: LiteralString = f"""
    INSERT INTO runtime_records ({COLUMNS.names}, dns_name)
    VALUES ({COLUMNS.values}, (
        SELECT {_DNS_NAME} WHERE NOT EXISTS (
            SELECT FROM runtime_records AS other
            WHERE lower(rtrim(other.game_id, '.')) = {_DNS_NAME}
                AND other.game_id <> %(game_id)s
        )
    ))
    ON CONFLICT (game_id) DO UPDATE SET
        {COLUMNS.from_excluded},
        dns_name = coalesce(runtime_records.dns_name, excluded.dns_name)
    WHERE runtime_records.last_fence < excluded.last_fence
    RETURNING game_id
"""


class PostgresRuntimeRecords:
    """Reads the records of the table `runtime_records`.

    Single records are read by `singles`, which are never lent for longer; pages by `lists`.
    """

    def __init__(
        self,
        pool: Connections,
        *,
        singles: Connections | None = None,
        lists: Connections | None = None,
    ) -> None:
        self._pool = pool
        self._singles = singles or pool
        self._lists = lists or pool
        self._shared = SharedReads(self._some)

    async def get(self, game_id: GameId) -> RuntimeRecord | None:
        """Return the game's record, None when it was never started."""
        return await self._shared.get(storable(stored_game_id(game_id)))

    async def _some(self, stored_ids: Sequence[str]) -> Mapping[str, RuntimeRecord]:
        # Most often it is one, for which the plain comparison takes less time, here and there.
        is_one = len(stored_ids) == 1
        statement, wanted = (_GET, stored_ids) if is_one else (_GET_SOME, [stored_ids])
        found = await self._singles.fetch(statement, wanted, rows=_record_row)
        return {record.game_id: record for record in found}

    async def list(self) -> Sequence[RuntimeRecord]:
        """Return every record of any status, ordered by game id."""
        return await self._pool.fetch(_LIST, rows=_record_row)

    @asynccontextmanager
    async def pages(self, size: int = PAGE) -> AsyncIterator[AsyncIterator[Sequence[ListedRecord]]]:
        """Yield every record in pages; a connection is held until the last one was read."""
        async with aclosing(self._pages(size)) as pages:
            yield pages

    async def _pages(self, size: int) -> AsyncGenerator[Sequence[ListedRecord], None]:
        async with self._lists.transaction(within=PAGES_SECONDS) as connection:
            await connection.execute(_DECLARE)
            cursor = connection.cursor(row_factory=_listed_row, binary=True)
            fetch = _FETCH.format(size)
            while True:
                with deadline(connection, ANSWER_SECONDS):
                    page = await (await cursor.execute(fetch)).fetchall()
                if len(page) < size:
                    break
                yield page
        if page:
            yield page

    async def ping(self) -> None:
        """Raise ServiceUnavailable when Postgres does not answer."""
        await self._pool.ping()


async def select_record(
    connection: Connection, game_id: GameId, *, lock: bool = False
) -> AsyncCursor[RuntimeRecord]:
    """Select a game's record, optionally locked until the transaction ends."""
    statement = _LOCK if lock else _GET
    cursor = connection.cursor(row_factory=_record_row)
    return await cursor.execute(statement, [stored_game_id(game_id)])


async def save_record(connection: Connection, record: RuntimeRecord) -> AsyncCursor[TupleRow]:
    """Write the record unless one with the same or a higher fence exists: then there is no row."""
    parameters = asdict(record) | {"last_fence": record.fence}
    return await connection.execute(_SAVE, parameters)


def _listed_row(_: object) -> Callable[[Iterable[Any]], ListedRecord]:
    return ListedRecord._make


def _record_row(_: object) -> Callable[[Sequence[Any]], RuntimeRecord]:
    return record_of


def record_of(values: Sequence[Any]) -> RuntimeRecord:
    """Return the record of a row: its columns are the record's fields, in their order."""
    game_id, status, *facts = values
    return RuntimeRecord(**dict(zip(_FIELDS, (game_id, _STATUS[status], *facts), strict=True)))
