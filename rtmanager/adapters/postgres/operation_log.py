"""The operation log in Postgres: its statements, run in the caller's transaction."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Sequence
from typing import LiteralString

from psycopg import AsyncCursor
from psycopg.rows import TupleRow, scalar_row
from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres.operation_rows import (
    new_row,
    operation_row,
    outcome_parameters,
    progress_parameters,
)
from rtmanager.adapters.postgres.pool import Connection
from rtmanager.adapters.postgres.runtime_records import LOCK_NAME
from rtmanager.adapters.postgres.stored_values import Columns, stored_game_id
from rtmanager.domain.completion import Completion
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import (
    Fence,
    LeaseNumber,
    Operation,
)
from rtmanager.domain.ports.game_lease import NO_LEASE, LeaseLost
from rtmanager.domain.runtime import RuntimeRecord

_INSERTED = Columns("""
    game_id, kind, source, source_ref, reason, image_ref, request_container_id, container_id,
    predecessor, outcome, error_code, error_message, details, started_at, finished_at, lease_number,
    trace_id
""")

_OPERATION: LiteralString = f"id, {_INSERTED.names}, phase, cause, lost, steps"

SELECT: LiteralString = f"SELECT {_OPERATION} FROM operation_log"

# Without what is stored in JSON, which takes longer to read than all the rest.
SELECT_BRIEFLY: LiteralString = """
    SELECT id, game_id, kind, source, source_ref, reason, image_ref, request_container_id,
        container_id, outcome, error_code, error_message, started_at, finished_at, phase, lost,
        trace_id
    FROM operation_log
"""

OPEN_OF_GAME: LiteralString = f"{SELECT} WHERE game_id = %s AND outcome IS NULL"

ALL_OPEN: LiteralString = f"{SELECT} WHERE outcome IS NULL ORDER BY id"

OF_JOB: LiteralString = f"""
    {SELECT} WHERE source = 'lobby_stream' AND kind = %s AND source_ref = %s
"""

HANDED_OVER: LiteralString = """
    SELECT id, game_id FROM operation_log WHERE outcome IS NULL AND handed_over ORDER BY id
"""

COUNT_OPEN: LiteralString = "SELECT count(*) FROM operation_log WHERE outcome IS NULL"

OPEN_SINCE: LiteralString = "SELECT min(started_at) FROM operation_log WHERE outcome IS NULL"

FENCES_REACH: LiteralString = """
    SELECT last_value - (NOT is_called)::int >= %s FROM operation_log_id_seq
"""

# Nobody can draw an id meanwhile, so that no id is used twice.
LOCK: LiteralString = "LOCK TABLE operation_log IN SHARE ROW EXCLUSIVE MODE"

RAISE_FENCES: LiteralString = """
    SELECT setval('operation_log_id_seq', %(above)s) FROM operation_log_id_seq
    WHERE last_value - (NOT is_called)::int < %(above)s
"""

# No row means that a later holder was here. An equal number is the same holder's.
_ARE_LATEST: LiteralString = """
    ON CONFLICT (game_id) DO UPDATE SET number = excluded.number
    WHERE game_leases.number <= excluded.number
    RETURNING number
"""

_SEE_LEASE: LiteralString = f"""
    INSERT INTO game_leases (game_id, number) VALUES (%(game_id)s, %(lease)s) {_ARE_LATEST}
"""

# The lock is taken first, because the row to insert comes from what takes it.
_LOCK_AND_SEE_LEASE: LiteralString = f"""
    WITH locked AS MATERIALIZED ({LOCK_NAME})
    INSERT INTO game_leases (game_id, number)
    SELECT %(game_id)s::text, %(lease)s::bigint FROM locked {_ARE_LATEST}
"""

_HIGHEST_LEASE: LiteralString = "SELECT number FROM game_leases WHERE game_id = %s"

# Ids in the order of the rows: of two operations the later has the higher fence.
_INSERT: LiteralString = f"""
    INSERT INTO operation_log ({_INSERTED.names})
    SELECT {_INSERTED.names}
    FROM jsonb_populate_recordset(NULL::operation_log, %s) WITH ORDINALITY ORDER BY ordinality
    RETURNING id
"""

# One statement sees one moment, at which the record was the game's and no operation was open. Every
# new record has a higher fence.
_CONCLUDE: LiteralString = f"""
    INSERT INTO operation_log ({_INSERTED.names})
    SELECT {_INSERTED.names}
    FROM jsonb_populate_recordset(NULL::operation_log, %(rows)s) WITH ORDINALITY
    WHERE NOT EXISTS (
        SELECT FROM operation_log AS other
        WHERE other.game_id = %(game_id)s AND other.outcome IS NULL
    ) AND %(fence)s::bigint IS NOT DISTINCT FROM (
        SELECT last_fence FROM runtime_records AS record WHERE record.game_id = %(game_id)s
    )
    ORDER BY ordinality
    RETURNING id
"""

# The distinct actions done, forward and in rollback: the number only grows.
_PROGRESS: LiteralString = """(
    SELECT count(DISTINCT (step->>'phase', step->>'name'))
    FROM jsonb_array_elements(steps) AS step WHERE step->>'result' = 'done'
)"""

# A lost process is blamed on every operation that it may have been running, in equal parts.
_BLAME: LiteralString = """1.0 / (
    SELECT count(*) FROM operation_log AS suspect
    WHERE suspect.outcome IS NULL AND NOT suspect.handed_over
)"""

_IS_LOST: LiteralString = "NOT handed_over AND lease_number IS DISTINCT FROM %(lease)s"

# A number in the row is never higher than the highest seen, which is locked and raised first.
_TAKE_OVER: LiteralString = f"""
    UPDATE operation_log SET
        lost = CASE
            WHEN NOT ({_IS_LOST}) THEN lost
            WHEN lost_at = {_PROGRESS} THEN lost + {_BLAME}
            ELSE {_BLAME}
        END,
        lost_at = CASE WHEN {_IS_LOST} THEN {_PROGRESS} ELSE lost_at END,
        handed_over = false,
        lease_number = %(lease)s
    WHERE game_id = %(game_id)s AND outcome IS NULL
    RETURNING {_OPERATION}
"""

# Postgres checks the conditions again once the row is locked: of two holders the later wins.
_OURS: LiteralString = """
    id = %(id)s AND game_id = %(game_id)s AND outcome IS NULL AND lease_number = %(lease)s
"""

_SAVE: LiteralString = f"""
    UPDATE operation_log SET
        phase = %(phase)s,
        cause = %(cause)s,
        steps = %(steps)s,
        handed_over = %(handed_over)s
    WHERE {_OURS}
    RETURNING id
"""

_FINISH: LiteralString = f"""
    UPDATE operation_log SET
        phase = %(phase)s,
        cause = %(cause)s,
        steps = %(steps)s,
        container_id = coalesce(%(container_id)s, (
            SELECT current_container_id FROM runtime_records WHERE game_id = %(game_id)s
        )),
        outcome = %(outcome)s,
        error_code = %(error_code)s,
        error_message = %(error_message)s,
        details = %(details)s,
        finished_at = %(finished_at)s
    WHERE {_OURS}
    RETURNING id
"""

_FINISHED_BY_US: LiteralString = """
    SELECT 1 FROM operation_log
    WHERE id = %(id)s AND game_id = %(game_id)s AND outcome IS NOT NULL AND lease_number = %(lease)s
"""


class FinishedBefore(Exception):
    """the holder has finished its operation already."""


def operations(connection: Connection) -> AsyncCursor[Operation]:
    """Return a cursor whose rows are `Operation` objects."""
    return connection.cursor(row_factory=operation_row)


async def see_lease(
    connection: Connection, game_id: GameId, lease: LeaseNumber
) -> AsyncCursor[TupleRow]:
    """Record the holder's lease number, unless a later one was seen: `demand_seen` finds out."""
    parameters = {"game_id": stored_game_id(game_id), "lease": lease}
    return await connection.execute(_SEE_LEASE, parameters)


async def lock_and_see_lease(
    connection: Connection, game_id: GameId, lease: LeaseNumber
) -> AsyncCursor[TupleRow]:
    """Wait until no other transaction begins an operation on this DNS name, then `see_lease`."""
    parameters = {"game_id": stored_game_id(game_id), "lease": lease}
    return await connection.execute(_LOCK_AND_SEE_LEASE, parameters)


async def demand_seen(connection: Connection, game_id: GameId, seen: AsyncCursor[TupleRow]) -> None:
    """Raise LeaseLost when a later lease number was seen."""
    if await seen.fetchone() is None:
        raise await lease_lost(connection, game_id)


async def lease_lost(connection: Connection, game_id: GameId) -> LeaseLost:
    """Return the error for an overtaken holder, with the game's highest number."""
    cursor = connection.cursor(row_factory=scalar_row)
    highest = await (await cursor.execute(_HIGHEST_LEASE, [stored_game_id(game_id)])).fetchone()
    return LeaseLost(highest=NO_LEASE if highest is None else LeaseNumber(highest))


async def insert_operations(
    connection: Connection, operations: Sequence[Operation], lease: LeaseNumber | None
) -> AsyncCursor[Fence]:
    """Insert the operations in order and request their ids."""
    cursor: AsyncCursor[Fence] = connection.cursor(row_factory=scalar_row)
    return await cursor.execute(_INSERT, [Jsonb([new_row(each, lease) for each in operations])])


async def conclude_operations(
    connection: Connection, operations: Sequence[Operation], record: RuntimeRecord | None
) -> Sequence[Fence]:
    """Insert the operations of a game in order, if this is its record and none is open."""
    cursor: AsyncCursor[Fence] = connection.cursor(row_factory=scalar_row)
    parameters = {
        "rows": Jsonb([new_row(each, None) for each in operations]),
        "game_id": stored_game_id(operations[0].game_id),
        "fence": record and record.fence,
    }
    return await (await cursor.execute(_CONCLUDE, parameters)).fetchall()


async def take_over_operation(
    connection: Connection, game_id: GameId, lease: LeaseNumber
) -> AsyncCursor[Operation]:
    """Make this the holder of the game's open operation, if there is one, and request the row."""
    parameters = {"game_id": stored_game_id(game_id), "lease": lease}
    return await operations(connection).execute(_TAKE_OVER, parameters)


async def save_operation(
    connection: Connection, operation: Operation, lease: LeaseNumber, *, handed_over: bool
) -> None:
    """Write the progress of the holder's open operation, or raise LeaseLost."""
    parameters = progress_parameters(operation, lease) | {"handed_over": handed_over}
    written = await connection.execute(_SAVE, parameters)
    if await written.fetchone() is None:
        raise await lease_lost(connection, operation.game_id)


async def finish_operation(
    connection: Connection, operation: Operation, completion: Completion, lease: LeaseNumber
) -> AsyncCursor[TupleRow]:
    """Write the outcome, if the holder's operation is open: `demand_finished` finds out.

    The game's record must be locked, and be as it was before.
    """
    parameters = progress_parameters(operation, lease) | outcome_parameters(completion)
    return await connection.execute(_FINISH, parameters)


async def demand_finished(
    connection: Connection,
    operation: Operation,
    lease: LeaseNumber,
    finished: AsyncCursor[TupleRow],
) -> None:
    """Raise FinishedBefore when this holder had written an outcome already, LeaseLost when another.

    The transaction must then change nothing.
    """
    if await finished.fetchone():
        return
    ours = await connection.execute(_FINISHED_BY_US, progress_parameters(operation, lease))
    if await ours.fetchone() is None:
        raise await lease_lost(connection, operation.game_id)
    raise FinishedBefore
