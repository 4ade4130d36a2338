"""Runtime records in Postgres: reading and writing the table."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, LiteralString

from psycopg import AsyncCursor
from psycopg.rows import kwargs_row, scalar_row

from rtmanager.adapters.postgres.pool import Connection, Connections
from rtmanager.adapters.postgres.stored_values import Columns, stored_game_id
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

_COLUMNS = Columns("""
    game_id, status, current_container_id, current_image_ref, image_id, engine_endpoint,
    state_path, docker_network, started_at, stopped_at, removed_at, last_op_at, created_at,
    last_fence
""")

_GET: LiteralString = f"SELECT {_COLUMNS.names} FROM runtime_records WHERE game_id = %s"

_LOCK: LiteralString = f"{_GET} FOR UPDATE"

_LIST: LiteralString = f'SELECT {_COLUMNS.names} FROM runtime_records ORDER BY game_id COLLATE "C"'

COUNT_BY_STATUS: LiteralString = """
    SELECT jsonb_object_agg(status, records) FROM (
        SELECT status, count(*) AS records FROM runtime_records GROUP BY status
    ) AS counted
"""

# An id as a name in Docker's DNS: "C" folds only ASCII, and game ids have nothing else.
_DNS_NAME: LiteralString = """lower(rtrim(%(game_id)s::text COLLATE "C", '.'))"""

# Serialises the beginning of operations on one name, even when there is no record to lock.
_LOCK_NAME: LiteralString = f"SELECT pg_advisory_xact_lock(hashtextextended({_DNS_NAME}, 0))"

_NAMESAKE: LiteralString = f"""
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
    INSERT INTO runtime_records ({_COLUMNS.names}, dns_name)
    VALUES ({_COLUMNS.values}, (
        SELECT {_DNS_NAME} WHERE NOT EXISTS (
            SELECT FROM runtime_records AS other
            WHERE lower(rtrim(other.game_id, '.')) = {_DNS_NAME}
                AND other.game_id <> %(game_id)s
        )
    ))
    ON CONFLICT (game_id) DO UPDATE SET
        {_COLUMNS.from_excluded},
        dns_name = coalesce(runtime_records.dns_name, excluded.dns_name)
    WHERE runtime_records.last_fence < excluded.last_fence
    RETURNING game_id
"""


class PostgresRuntimeRecords:
    """Reads the records of the table `runtime_records`."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    async def get(self, game_id: GameId) -> RuntimeRecord | None:
        """Return the game's record, None when it was never started."""
        async with self._pool.connection() as connection:
            return await (await select_record(connection, game_id)).fetchone()

    async def list(self) -> Sequence[RuntimeRecord]:
        """Return every record of any status, ordered by game id."""
        async with self._pool.connection() as connection:
            return await (await _records(connection).execute(_LIST)).fetchall()

    async def ping(self) -> None:
        """Raise ServiceUnavailable when Postgres does not answer."""
        await self._pool.ping()


async def select_record(
    connection: Connection, game_id: GameId, *, lock: bool = False
) -> AsyncCursor[RuntimeRecord]:
    """Select a game's record, optionally locked until the transaction ends."""
    statement = _LOCK if lock else _GET
    return await _records(connection).execute(statement, [stored_game_id(game_id)])


async def lock_name(connection: Connection, game_id: GameId) -> None:
    """Wait until no other transaction is beginning an operation on this DNS name."""
    await connection.execute(_LOCK_NAME, {"game_id": stored_game_id(game_id)})


async def select_namesake(connection: Connection, game_id: GameId) -> AsyncCursor[GameId]:
    """Select another game whose id is the same name in Docker's DNS."""
    cursor: AsyncCursor[GameId] = connection.cursor(row_factory=scalar_row)
    return await cursor.execute(_NAMESAKE, {"game_id": stored_game_id(game_id)})


async def save_record(connection: Connection, record: RuntimeRecord) -> bool:
    """Write the record unless one with the same or a higher fence exists; return whether it was."""
    parameters = asdict(record) | {"last_fence": record.fence}
    saved = await connection.execute(_SAVE, parameters)
    return await saved.fetchone() is not None


def _records(connection: Connection) -> AsyncCursor[RuntimeRecord]:
    return connection.cursor(row_factory=kwargs_row(_record))


def _record(*, status: str, last_fence: int, **facts: Any) -> RuntimeRecord:
    return RuntimeRecord(status=RuntimeStatus(status), fence=Fence(last_fence), **facts)
