"""What the store knows about a game when requests begin, read in one statement."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import AsyncCursor

from rtmanager.adapters.postgres.pool import Connection
from rtmanager.adapters.postgres.runtime_records import COLUMNS, NAMESAKE, record_of
from rtmanager.adapters.postgres.stored_values import Parameters, stored_game_id
from rtmanager.domain.operation import OperationRequest, OpSource
from rtmanager.domain.ports.operation_journal import Ledger

# Every part shows what was committed when the statement began, except the record. That is the
# newest: the row is waited for while another process finishes an operation, and read again. So
# there is no open operation and the record is its last one's; or both are as they were before the
# end; or the operation is still shown as open, beside the record of its end, and nothing is begun.
# Nobody else can begin one meanwhile, because the name is locked.
_SELECT: LiteralString = f"""
    WITH record AS (
        SELECT {COLUMNS.names} FROM runtime_records WHERE game_id = %(game_id)s FOR UPDATE
    )
    SELECT
        EXISTS (SELECT FROM operation_log WHERE game_id = %(game_id)s AND outcome IS NULL),
        ARRAY(
            SELECT job.place
            FROM unnest(%(kinds)s::text[], %(entries)s::text[])
                WITH ORDINALITY AS job (kind, entry_id, place)
            JOIN operation_log AS log ON log.kind = job.kind AND log.source_ref = job.entry_id
            WHERE log.source = 'lobby_stream'
        ),
        ({NAMESAKE}),
        record.*
    FROM (VALUES (true)) AS always LEFT JOIN record ON true
"""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The ledger, whether an operation is open, and which requests are jobs that are in the log.

    Those are named by their places, counted from one.
    """

    ledger: Ledger
    has_open: bool
    recorded: Collection[int]


async def select_ledger(
    connection: Connection, requests: Sequence[OperationRequest]
) -> AsyncCursor[LedgerRow]:
    """Select one row for the game of the requests, with its record locked.

    The caller has locked the game's name before.
    """
    parameters = {"game_id": stored_game_id(requests[0].game_id), **_jobs_among(requests)}
    return await connection.cursor(row_factory=_ledger_row).execute(_SELECT, parameters)


def _jobs_among(requests: Sequence[OperationRequest]) -> Parameters:
    """Return kind and entry of each, without an entry when it is no job: that matches nothing."""
    entries = [
        each.origin.source_ref if each.origin.source is OpSource.LOBBY_STREAM else None
        for each in requests
    ]
    if not any(entries):
        return {"kinds": None, "entries": None}
    return {"kinds": [each.kind for each in requests], "entries": entries}


def _ledger_row(_: object) -> Callable[[Sequence[Any]], LedgerRow]:
    return _row


def _row(values: Sequence[Any]) -> LedgerRow:
    has_open, recorded, namesake, *record = values
    known = None if record[0] is None else record_of(record)
    return LedgerRow(Ledger(known, namesake), has_open, set(recorded))
