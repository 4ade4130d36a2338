"""The operation journal in Postgres: intent, progress and outcome, one transaction each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import LiteralString

from psycopg.rows import tuple_row

from rtmanager.adapters.postgres import operation_log
from rtmanager.adapters.postgres.engine_health import save_observations
from rtmanager.adapters.postgres.game_ledger import LedgerRow, select_ledger
from rtmanager.adapters.postgres.health_log import save_snapshot
from rtmanager.adapters.postgres.log_retention import prune_operations
from rtmanager.adapters.postgres.operation_log import (
    FinishedBefore,
    conclude_operations,
    demand_finished,
    demand_seen,
    finish_operation,
    insert_operations,
    lease_lost,
    lock_and_see_lease,
    save_operation,
    see_lease,
    take_over_operation,
)
from rtmanager.adapters.postgres.operation_rows import (
    admitted_operation,
    current_trace,
    operation_row,
)
from rtmanager.adapters.postgres.outbox_rows import insert_messages
from rtmanager.adapters.postgres.pool import Connection, Connections
from rtmanager.adapters.postgres.runtime_records import save_record, select_record
from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.completion import Completion
from rtmanager.domain.game_id import GameId
from rtmanager.domain.messages import OutboxMessage
from rtmanager.domain.operation import (
    Fence,
    LeaseNumber,
    Operation,
    OperationKind,
    OperationRequest,
)
from rtmanager.domain.ports.operation_journal import (
    Admission,
    Applicant,
    Begun,
    Decided,
    LogRetention,
    OperationStillOpen,
    PrunedPage,
)
from rtmanager.domain.runtime import RuntimeRecord

_Row = tuple[Operation | None, Sequence[OutboxMessage]]


class PostgresOperationJournal:
    """Writes `operation_log` and what belongs to it: record, health snapshot, outbox."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    async def begin(
        self, applicants: Sequence[Applicant], *, lease: LeaseNumber, at: datetime
    ) -> Sequence[Begun | None]:
        """Read the record, decide, insert the operation rows and the admissions' messages."""
        async with self._pool.transaction() as connection:
            row = await _lock_ledger(connection, [each.request for each in applicants], lease)
            decided = _decide(applicants, row, at)
            new = [operation for operation, _ in decided if operation is not None]
            inserted = await insert_operations(connection, new, lease)
            messages = [message for _, each in decided for message in each]
            await insert_messages(connection, messages, at=at)
        # The ids come together with the commit.
        ids = iter(await inserted.fetchall())
        return [_begun(each, ids, row.ledger.record) for each, _ in decided]

    async def refuse(
        self,
        request: OperationRequest,
        completion: Completion,
        messages: Sequence[OutboxMessage],
    ) -> None:
        """Insert a finished row and its messages."""
        admission = Admission(completion=completion, trace_id=current_trace())
        operation = admitted_operation(request, admission, None, at=completion.at)
        async with self._pool.transaction() as connection:
            await insert_operations(connection, [operation], None)
            await insert_messages(connection, messages, at=completion.at)

    async def conclude(
        self, decided: Sequence[Decided], record: RuntimeRecord | None, *, at: datetime
    ) -> Sequence[Begun]:
        """Insert the finished rows and their messages, if the record is the game's."""
        operations = [admitted_operation(*each, record, at=at) for each in decided]
        messages = [message for _, admission in decided for message in admission.messages]
        # A statement alone is a transaction too, and takes a third of the time.
        lent = self._pool.transaction() if messages else self._pool.connection()
        async with lent as connection:
            ids = await conclude_operations(connection, operations, record)
            if ids:
                await insert_messages(connection, messages, at=at)
        inserted = zip(operations, ids, strict=bool(ids))
        return [Begun(replace(each, id=fence), record) for each, fence in inserted]

    async def take_over(self, game_id: GameId, *, lease: LeaseNumber) -> Begun | None:
        """Become the holder of the game's open operation, if there is one."""
        async with self._pool.transaction() as connection:
            seen = await see_lease(connection, game_id, lease)
            await demand_seen(connection, game_id, seen)
            taken = await take_over_operation(connection, game_id, lease)
            # In this order, so that the record includes what the previous holder has just
            # committed.
            found = await select_record(connection, game_id)
            operation, record = await taken.fetchone(), await found.fetchone()
        return Begun(operation.taken_over(), record) if operation else None

    async def save(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write the open operation's phase, cause and steps."""
        async with self._pool.connection() as connection:
            await save_operation(connection, operation, lease, handed_over=False)

    async def hand_over(self, operation: Operation, *, lease: LeaseNumber) -> None:
        """Write them, and that no process counts as lost when the next holder takes over."""
        async with self._pool.connection() as connection:
            await save_operation(connection, operation, lease, handed_over=True)

    async def finish(
        self,
        operation: Operation,
        completion: Completion,
        messages: Sequence[OutboxMessage],
        *,
        lease: LeaseNumber,
    ) -> None:
        """Write the outcome, the record, the health snapshot and the messages."""
        with suppress(FinishedBefore):
            async with self._pool.transaction() as connection:
                await _finish(connection, operation, completion, lease)
                if event := completion.latest_event:
                    await save_snapshot(connection, event)
                if completion.observation:
                    await save_observations(connection, [completion.observation])
                await insert_messages(connection, messages, at=completion.at)

    async def raise_fences(self, above: Fence) -> bool:
        """Advance the sequence of ids to `above`, if it is lower."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(operation_log.FENCES_REACH, [above])
            if await cursor.fetchone() == (True,):
                return False
        async with self._pool.transaction() as connection:
            await connection.execute(operation_log.LOCK)
            await connection.execute(operation_log.RAISE_FENCES, {"above": above})
        return True

    async def prune(self, retention: LogRetention, *, after: Fence, limit: int) -> PrunedPage:
        """Delete those of the next operations that need not stay."""
        async with self._pool.transaction() as connection:
            return await prune_operations(connection, retention, after=after, limit=limit)

    async def open_operation(self, game_id: GameId) -> Operation | None:
        """Return the game's open operation."""
        return await self._one(operation_log.OPEN_OF_GAME, stored_game_id(game_id))

    async def open_operations(self) -> Sequence[Operation]:
        """Return every open operation, oldest first."""
        return await self._pool.fetch(operation_log.ALL_OPEN, rows=operation_row)

    async def handed_over(self) -> Mapping[Fence, GameId]:
        """Return the ids and games of the handed-over operations, oldest first."""
        found = await self._pool.fetch(operation_log.HANDED_OVER, rows=tuple_row)
        return {Fence(fence): GameId(game_id) for fence, game_id in found}

    async def find_by_job(self, kind: OperationKind, entry_id: str) -> Operation | None:
        """Return the operation of a job."""
        return await self._one(operation_log.OF_JOB, kind, entry_id)

    async def _one(self, statement: LiteralString, *parameters: object) -> Operation | None:
        found = await self._pool.fetch(statement, parameters, rows=operation_row)
        return found[0] if found else None


async def _lock_ledger(
    connection: Connection, requests: Sequence[OperationRequest], lease: LeaseNumber
) -> LedgerRow:
    """Lock the game, in one statement, and return what the next one reads.

    Only that one sees everything that was committed until the lock was granted. Raises while the
    game has an open operation.
    """
    game_id = requests[0].game_id
    seen = await lock_and_see_lease(connection, game_id, lease)
    selected = await select_ledger(connection, requests)
    await demand_seen(connection, game_id, seen)
    (row,) = await selected.fetchall()
    if row.has_open:
        raise OperationStillOpen
    return row


async def _finish(
    connection: Connection, operation: Operation, completion: Completion, lease: LeaseNumber
) -> None:
    """Write outcome and record in one round trip, then raise if that was not to be written."""
    record = completion.record
    locked = await select_record(connection, operation.game_id, lock=True)
    finished = await finish_operation(connection, operation, completion, lease)
    # A record that stays as it is has its fence already: then this changes nothing.
    saved = await save_record(connection, record) if record else None
    await demand_finished(connection, operation, lease, finished)
    is_kept = record == await locked.fetchone()
    if saved and not is_kept and await saved.fetchone() is None:
        raise await lease_lost(connection, operation.game_id)


def _begun(
    operation: Operation | None, ids: Iterator[Fence], record: RuntimeRecord | None
) -> Begun | None:
    return None if operation is None else Begun(replace(operation, id=next(ids)), record)


def _decide(applicants: Sequence[Applicant], row: LedgerRow, at: datetime) -> list[_Row]:
    """Return the operations up to the first that begins; None is that of a recorded job."""
    decided: list[_Row] = []
    for place, each in enumerate(applicants, start=1):
        if place in row.recorded:
            decided.append((None, ()))
            continue
        admission = each(row.ledger)
        operation = admitted_operation(each.request, admission, row.ledger.record, at=at)
        decided.append((operation, admission.messages))
        if operation.outcome is None:
            break
    return decided
