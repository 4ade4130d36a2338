"""The operation journal in Postgres: intent and outcome, each one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres import rows, statements
from rtmanager.adapters.postgres.deadline import Connection
from rtmanager.adapters.postgres.outbox_messages import insert_messages
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, Operation, OperationKind, OperationRequest
from rtmanager.domain.ports.operation_journal import (
    Begun,
    Decision,
    OperationResult,
    OperationStillOpen,
    OperationSuperseded,
    Verdict,
)
from rtmanager.domain.runtime import RuntimeRecord


class PostgresOperationJournal:
    """Writes `operation_log` and what belongs to it: record, health snapshot, outbox."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def begin(self, request: OperationRequest, decide: Decision, *, at: datetime) -> Begun:
        """Read the record, decide, insert the operation and the verdict's messages."""
        async with self._pool.transaction() as connection:
            record = await _settled_record(connection, stored_game_id(request.game_id))
            operation = await _insert(connection, request, decide(record), at)
        return Begun(operation, record)

    async def refuse(self, request: OperationRequest, verdict: Verdict, *, at: datetime) -> None:
        """Insert a finished operation and its messages."""
        if verdict.outcome is None:
            raise ValueError("a refusal needs an outcome")
        async with self._pool.transaction() as connection:
            await _insert(connection, request, verdict, at)

    async def finish(self, result: OperationResult) -> None:
        """Write the outcome, the record, the health snapshot and the messages."""
        async with self._pool.transaction() as connection:
            await _close(connection, result)
            if result.record:
                await connection.execute(
                    statements.SAVE_RECORD, rows.record_parameters(result.record)
                )
            if event := result.latest_event:
                await connection.execute(statements.SAVE_HEALTH, rows.health_parameters(event))
            await insert_messages(connection, result.messages, at=result.finished_at)

    async def open_operation(self, game_id: GameId) -> Operation | None:
        """Return the game's open operation."""
        return await self._one(statements.OPEN_OPERATION, stored_game_id(game_id))

    async def open_operations(self) -> Sequence[Operation]:
        """Return every open operation, oldest first."""
        return await self._all(statements.OPEN_OPERATIONS)

    async def of_job(self, kind: OperationKind, entry_id: str) -> Operation | None:
        """Return the operation that a job became."""
        return await self._one(statements.OPERATION_OF_JOB, kind.value, entry_id)

    async def get(self, operation_id: Fence) -> Operation | None:
        """Return one operation."""
        return await self._one(statements.GET_OPERATION, operation_id)

    async def history(self, game_id: GameId, *, limit: int) -> Sequence[Operation]:
        """Return the game's last operations, newest first."""
        return await self._all(statements.HISTORY, stored_game_id(game_id), limit)

    async def _one(self, statement: LiteralString, *parameters: object) -> Operation | None:
        return next(iter(await self._all(statement, *parameters)), None)

    async def _all(self, statement: LiteralString, *parameters: object) -> list[Operation]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement, parameters)
            found = await cursor.fetchall()
        return [rows.operation_from(row) for row in found]


async def _settled_record(connection: Connection, game_id: str) -> RuntimeRecord | None:
    """Lock the game and return its record, or raise while an operation on it is open."""
    await connection.execute(statements.LOCK_GAME, [game_id])
    # In this order: an operation that finishes between the two is seen in the record.
    still_open = await connection.execute(statements.OPEN_OPERATION, [game_id])
    locked = await connection.execute(statements.LOCK_RECORD, [game_id])
    if await still_open.fetchone():
        raise OperationStillOpen
    row = await locked.fetchone()
    return rows.record_from(row) if row else None


async def _insert(
    connection: Connection, request: OperationRequest, verdict: Verdict, at: datetime
) -> Operation:
    finished_at = at if verdict.outcome else None
    parameters = rows.request_parameters(request) | {
        "outcome": verdict.outcome and verdict.outcome.value,
        "error_code": verdict.error_code and verdict.error_code.value,
        "error_message": verdict.error_message,
        "started_at": at,
        "finished_at": finished_at,
    }
    inserted = await connection.execute(statements.INSERT_OPERATION, parameters)
    await insert_messages(connection, verdict.messages, at=at)
    (operation_id,) = await inserted.fetchone() or (None,)
    return Operation(
        id=Fence(operation_id),
        request=request,
        started_at=at,
        outcome=verdict.outcome,
        error_code=verdict.error_code,
        error_message=verdict.error_message,
        finished_at=finished_at,
    )


async def _close(connection: Connection, result: OperationResult) -> None:
    parameters = {
        "id": result.operation_id,
        "game_id": stored_game_id(result.game_id),
        "container_id": result.container_id,
        "outcome": result.outcome.value,
        "error_code": result.error_code and result.error_code.value,
        "error_message": result.error_message,
        "steps": rows.steps_parameter(result.steps),
        "details": Jsonb(result.details),
        "finished_at": result.finished_at,
    }
    closed = await connection.execute(statements.CLOSE_OPERATION, parameters)
    if await closed.fetchone() is None:
        raise OperationSuperseded
