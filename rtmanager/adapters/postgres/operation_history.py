"""Reading the operation log in Postgres."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Collection, Mapping, Sequence
from typing import LiteralString

from rtmanager.adapters.postgres.operation_log import SELECT, SELECT_BRIEFLY
from rtmanager.adapters.postgres.operation_rows import brief_operation_row, operation_row
from rtmanager.adapters.postgres.pool import Connections
from rtmanager.adapters.postgres.stored_values import Parameters, stored_game_id
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, Operation, Outcome
from rtmanager.domain.ports.operation_history import OperationFilter

_LARGEST_ID = 2**63 - 1

_GET: LiteralString = f"{SELECT} WHERE id = %s"

_FINISHED: LiteralString = f"{SELECT} WHERE id = ANY(%s) AND outcome IS NOT NULL"

_CONDITIONS: Mapping[str, LiteralString] = {
    "game_id": "game_id = %(game_id)s",
    "kind": "kind = %(kind)s",
    "is_open": "outcome IS NULL",
    "source": "source = %(source)s",
    "source_ref": "source_ref = %(source_ref)s",
    "since": "started_at >= %(since)s",
    "until": "started_at < %(until)s",
}

# As constants: an index has only the failures.
_OUTCOMES: Mapping[Outcome, LiteralString] = {
    Outcome.SUCCESS: "outcome = 'success'",
    Outcome.FAILURE: "outcome = 'failure'",
}

_LATEST: LiteralString = f"""
    SELECT latest.* FROM runtime_records AS record
    CROSS JOIN LATERAL (
        {SELECT_BRIEFLY} WHERE operation_log.game_id = record.game_id
        ORDER BY id DESC LIMIT 1
    ) AS latest
"""


class PostgresOperationHistory:
    """Reads the table `operation_log`."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    async def get(self, operation_id: Fence) -> Operation | None:
        """Return the operation."""
        if operation_id > _LARGEST_ID:
            return None
        found = await self._pool.fetch(_GET, [operation_id], rows=operation_row)
        return found[0] if found else None

    async def find(
        self, wanted: OperationFilter, *, limit: int, before: Fence | None = None
    ) -> Sequence[Operation]:
        """Return the newest operations that match."""
        given = _given(wanted)
        conditions = ["id < %(before)s", *(_CONDITIONS[name] for name in given)]
        if wanted.outcome is not None:
            conditions.append(_OUTCOMES[wanted.outcome])
        where: LiteralString = " AND ".join(conditions)
        statement: LiteralString = f"{SELECT} WHERE {where} ORDER BY id DESC LIMIT %(limit)s"
        parameters = given | {"limit": limit, "before": before or _LARGEST_ID}
        return await self._pool.fetch(statement, parameters, rows=operation_row)

    async def finished(self, ids: Collection[Fence]) -> Sequence[Operation]:
        """Return those of these operations that have finished."""
        return await self._pool.fetch(_FINISHED, [list(ids)], rows=operation_row)

    async def latest(self) -> Mapping[GameId, Operation]:
        """Return the latest operation of every game with a record."""
        found = await self._pool.fetch(_LATEST, rows=brief_operation_row)
        return {each.game_id: each for each in found}


def _given(wanted: OperationFilter) -> Parameters:
    """Return the conditions that are set, by their names."""
    values: Parameters = {name: getattr(wanted, name) for name in _CONDITIONS}
    if wanted.game_id is not None:
        values["game_id"] = stored_game_id(wanted.game_id)
    return {name: value for name, value in values.items() if value not in {None, False}}
