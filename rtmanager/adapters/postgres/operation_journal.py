"""The operation journal in Postgres: intent, progress and outcome, each one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import LiteralString

from rtmanager.adapters.postgres import statements
from rtmanager.adapters.postgres.deadline import Connection
from rtmanager.adapters.postgres.lease_numbers import lease_lost, see_lease
from rtmanager.adapters.postgres.operation_rows import (
    admitted_operation,
    operation_from,
    operation_parameters,
    progress_parameters,
)
from rtmanager.adapters.postgres.outbox_messages import insert_messages
from rtmanager.adapters.postgres.outcomes import write_outcome
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.rows import record_from
from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.completion import Completion
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import (
    Fence,
    LeaseNumber,
    Operation,
    OperationKind,
    OperationRequest,
)
from rtmanager.domain.outbox import OutboxMessage
from rtmanager.domain.ports.operation_journal import (
    Admission,
    Admit,
    Begun,
    Ledger,
    OperationStillOpen,
)


class PostgresOperationJournal:
    """Writes `operation_log` and what belongs to it: record, health snapshot, outbox."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def begin(
        self, request: OperationRequest, admit: Admit, *, lease: LeaseNumber, at: datetime
    ) -> Begun:
        """Read the record, decide, insert the operation row and the admission's messages."""
        async with self._pool.transaction() as connection:
            ledger = await _lock_ledger(connection, request.game_id, lease)
            admission = admit(ledger)
            operation = admitted_operation(request, admission, ledger.record, at=at)
            operation = await _insert(connection, operation, lease)
            await insert_messages(connection, admission.messages, at=at)
        return Begun(operation, ledger.record)

    async def refuse(
        self,
        request: OperationRequest,
        completion: Completion,
        messages: Sequence[OutboxMessage],
    ) -> None:
        """Insert a finished row and its messages."""
        admission = Admission(completion=completion)
        operation = admitted_operation(request, admission, None, at=completion.at)
        async with self._pool.transaction() as connection:
            await _insert(connection, operation, None)
            await insert_messages(connection, messages, at=completion.at)

    async def take_over(self, game_id: GameId, *, lease: LeaseNumber) -> Begun | None:
        """Become the holder of the game's open operation, if there is one."""
        stored_id = stored_game_id(game_id)
        async with self._pool.transaction() as connection:
            await see_lease(connection, game_id, lease)
            parameters = {"game_id": stored_id, "lease": lease}
            taken = await connection.execute(statements.TAKE_OVER, parameters)
            # In this order: what a holder before committed meanwhile is seen in the record.
            found = await connection.execute(statements.GET_RECORD, [stored_id])
            row, record = await taken.fetchone(), await found.fetchone()
        if row is None:
            return None
        return Begun(operation_from(row).taken_over(), record_from(record) if record else None)

    async def save(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write the open operation's phase, cause and steps."""
        await self._write_ahead(operation, lease, is_handed_over=False)

    async def hand_over(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write them, and that nobody is lost when the next holder takes over."""
        await self._write_ahead(operation, lease, is_handed_over=True)

    async def _write_ahead(
        self, operation: Operation, lease: LeaseNumber, *, is_handed_over: bool
    ) -> None:
        parameters = progress_parameters(operation, lease=lease)
        parameters["is_handed_over"] = is_handed_over
        async with self._pool.connection() as connection:
            written = await connection.execute(statements.SAVE_OPERATION, parameters)
            if await written.fetchone() is None:
                raise await lease_lost(connection, operation.game_id)

    async def finish(
        self,
        operation: Operation,
        completion: Completion,
        messages: Sequence[OutboxMessage],
        *,
        lease: LeaseNumber,
    ) -> None:
        """Write the outcome, the record, the health snapshot and the messages."""
        async with self._pool.transaction() as connection:
            if await write_outcome(connection, operation, completion, lease):
                await insert_messages(connection, messages, at=completion.at)

    async def raise_fences(self, above: Fence) -> bool:
        """Set the sequence of ids to at least `above`, if it is lower."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statements.FENCES_REACH, [above])
            if await cursor.fetchone() == (True,):
                return False
        async with self._pool.transaction() as connection:
            await connection.execute(statements.LOCK_OPERATIONS)
            await connection.execute(statements.RAISE_FENCES, {"above": above})
        return True

    async def open_operation(self, game_id: GameId) -> Operation | None:
        """Return the game's open operation."""
        return await self._one(statements.OPEN_OPERATION, stored_game_id(game_id))

    async def open_operations(self) -> Sequence[Operation]:
        """Return every open operation, oldest first."""
        return await self._all(statements.OPEN_OPERATIONS)

    async def handed_over(self) -> Mapping[Fence, GameId]:
        """Return the ids and games of the open operations that nobody is at, oldest first."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statements.HANDED_OVER)
            return {Fence(fence): GameId(game_id) for fence, game_id in await cursor.fetchall()}

    async def find_by_job(self, kind: OperationKind, entry_id: str) -> Operation | None:
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
        return [operation_from(row) for row in found]


async def _lock_ledger(connection: Connection, game_id: GameId, lease: LeaseNumber) -> Ledger:
    """Lock the game and return what is known of it, or raise while an operation on it is open."""
    stored_id = stored_game_id(game_id)
    await connection.execute(statements.LOCK_GAME, {"game_id": stored_id})
    await see_lease(connection, game_id, lease)
    # In this order: an operation that finishes between the two is seen in the record.
    still_open = await connection.execute(statements.OPEN_OPERATION, [stored_id])
    locked = await connection.execute(statements.LOCK_RECORD, [stored_id])
    namesakes = await connection.execute(statements.NAMESAKE, {"game_id": stored_id})
    if await still_open.fetchone():
        raise OperationStillOpen
    row = await locked.fetchone()
    (namesake,) = await namesakes.fetchone() or (None,)
    return Ledger(record_from(row) if row else None, namesake)


async def _insert(
    connection: Connection, operation: Operation, lease: LeaseNumber | None
) -> Operation:
    parameters = operation_parameters(operation) | {"lease": lease}
    inserted = await connection.execute(statements.INSERT_OPERATION, parameters)
    (operation_id,) = await inserted.fetchone() or (None,)
    return replace(operation, id=Fence(operation_id))
