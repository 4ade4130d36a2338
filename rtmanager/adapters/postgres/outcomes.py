"""How operations end in Postgres: outcome, record and health, in the caller's transaction."""

from rtmanager.adapters.postgres import rows, statements
from rtmanager.adapters.postgres.deadline import Connection
from rtmanager.adapters.postgres.lease_numbers import lease_lost
from rtmanager.adapters.postgres.operation_rows import completion_parameters, progress_parameters
from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.completion import Completion
from rtmanager.domain.operation import LeaseNumber, Operation
from rtmanager.domain.runtime import RuntimeRecord


async def write_outcome(
    connection: Connection, operation: Operation, completion: Completion, lease: LeaseNumber
) -> bool:
    """Write what is true now; return False, writing nothing, when this holder did so before."""
    game = [stored_game_id(operation.game_id)]
    locked = await (await connection.execute(statements.LOCK_RECORD, game)).fetchone()
    before = rows.record_from(locked) if locked else None
    parameters = progress_parameters(operation, lease=lease)
    finished = await connection.execute(
        statements.FINISH_OPERATION, parameters | completion_parameters(completion, before)
    )
    if await finished.fetchone() is None:
        await _demand_finished_by_us(connection, operation, lease)
        return False
    await _write_record(connection, operation, completion.record, before)
    if event := completion.latest_event:
        await connection.execute(statements.SAVE_HEALTH, rows.health_parameters(event))
    return True


async def _demand_finished_by_us(
    connection: Connection, operation: Operation, lease: LeaseNumber
) -> None:
    parameters = progress_parameters(operation, lease=lease)
    ours = await connection.execute(statements.FINISHED_BY_US, parameters)
    if await ours.fetchone() is None:
        raise await lease_lost(connection, operation.game_id)


async def _write_record(
    connection: Connection,
    operation: Operation,
    record: RuntimeRecord | None,
    before: RuntimeRecord | None,
) -> None:
    if record is None or record == before:
        return
    saved = await connection.execute(statements.SAVE_RECORD, rows.record_parameters(record))
    if await saved.fetchone() is None:
        raise await lease_lost(connection, operation.game_id)
