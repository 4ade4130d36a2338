"""The drift that is there, in Postgres."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from psycopg.rows import kwargs_row

from rtmanager.adapters.postgres.event_rows import drift_body
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.stored_values import Columns, Parameters, stored_game_id
from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.operator_events import DriftChange
from rtmanager.domain.reconciliation.drift import Drift, DriftKind
from rtmanager.domain.reconciliation.drift_findings import Finding, came_and_went

_DRIFT = Columns("game_id, kind, container_id, sentence, retry_at")

# Of two replicas that both believe that they lead, the later compares with what the other noted.
_LOCK: LiteralString = "LOCK TABLE present_drift IN SHARE ROW EXCLUSIVE MODE"

_LIST: LiteralString = f"SELECT {_DRIFT.names} FROM present_drift ORDER BY game_id, kind"

_FORGET: LiteralString = "DELETE FROM present_drift"

_SAVE: LiteralString = f"INSERT INTO present_drift ({_DRIFT.names}) VALUES ({_DRIFT.values})"

_TELL: LiteralString = """
    INSERT INTO operator_events (type, game_id, body) VALUES ('drift', %(game_id)s, %(body)s)
"""


class PostgresDriftLog:
    """Writes `present_drift`, and `operator_events` when it changes."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def note(self, met: Sequence[Finding], *, left: Sequence[Finding]) -> None:
        """Store what a round has left, and tell operators what is new and what is gone."""
        if not met and not await self.present():
            return
        async with self._pool.transaction() as connection:
            await connection.execute(_LOCK)
            cursor = connection.cursor(row_factory=_finding_row)
            known = await (await cursor.execute(_LIST)).fetchall()
            new, gone = came_and_went(known, met, left)
            await connection.execute(_FORGET)
            for finding in left:
                await connection.execute(_SAVE, _row(finding))
            for change in [
                *(DriftChange(is_present=True, finding=each) for each in new),
                *(DriftChange(is_present=False, finding=each) for each in gone),
            ]:
                game_id = stored_game_id(change.finding.drift.game_id)
                await connection.execute(_TELL, {"game_id": game_id, "body": drift_body(change)})

    async def present(self) -> Sequence[Finding]:
        """Return what the last round has left."""
        return await self._pool.fetch(_LIST, rows=_finding_row)


def _row(finding: Finding) -> Parameters:
    drift = finding.drift
    return {
        "game_id": stored_game_id(drift.game_id),
        "kind": drift.kind,
        "container_id": drift.container_id or "",
        "sentence": drift.sentence,
        "retry_at": finding.retry_at,
    }


def _finding(
    *, game_id: str, kind: str, container_id: str, sentence: str, retry_at: datetime | None
) -> Finding:
    container = ContainerId(container_id) if container_id else None
    return Finding(Drift(GameId(game_id), DriftKind(kind), container, sentence), retry_at)


_finding_row = kwargs_row(_finding)
"""The row factory of the table."""
