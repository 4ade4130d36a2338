"""The replicas that run, in Postgres, by its clock."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres.leadership import LEADER
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.stored_values import Columns
from rtmanager.domain.ports.replicas import ReplicaState, SeenReplica, WorkerState

_REPLICA = Columns("replica_id, host, version, started_at, claim, workers")

_REPORT: LiteralString = f"""
    INSERT INTO replicas ({_REPLICA.names}, seen_at) VALUES ({_REPLICA.values}, clock_timestamp())
    ON CONFLICT (replica_id) DO UPDATE SET {_REPLICA.from_excluded}, seen_at = excluded.seen_at
"""

_IS_FORGOTTEN: LiteralString = "seen_at < clock_timestamp() - interval '5 minutes'"

_FORGET: LiteralString = f"DELETE FROM replicas WHERE {_IS_FORGOTTEN}"

_LEAVE: LiteralString = "DELETE FROM replicas WHERE replica_id = %s"

# A process id is used again: of two replicas with one claim, the one that was seen last has it.
_LIST: LiteralString = f"""
    WITH seen AS (
        SELECT {_REPLICA.names}, seen_at,
            extract(epoch FROM clock_timestamp() - seen_at)::float8 AS age,
            row_number() OVER (PARTITION BY claim ORDER BY seen_at DESC) = 1
                AND claim = ({LEADER}) AS is_leader
        FROM replicas WHERE NOT {_IS_FORGOTTEN}
    )
    SELECT *, coalesce(is_leader, false) AS leads FROM seen ORDER BY leads DESC, started_at
"""


class PostgresReplicas:
    """Keeps the table `replicas`; who leads is whose connection holds the lock."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def report(self, state: ReplicaState) -> None:
        """Store what the replica says of itself."""
        parameters = {
            "replica_id": state.id,
            "host": state.host,
            "version": state.version,
            "started_at": state.started_at,
            "claim": state.claim,
            "workers": Jsonb([_worker_value(each) for each in state.workers]),
        }
        async with self._pool.connection() as connection:
            await connection.execute(_REPORT, parameters)
            await connection.execute(_FORGET)

    async def leave(self, replica_id: str) -> None:
        """Forget a replica."""
        async with self._pool.connection() as connection:
            await connection.execute(_LEAVE, [replica_id])

    async def list(self) -> Sequence[SeenReplica]:
        """Return those that were seen in the last minutes."""
        return await self._pool.fetch(_LIST, rows=kwargs_row(_seen))


def _seen(*, leads: bool, seen_at: datetime, age: float, **row: Any) -> SeenReplica:
    state = ReplicaState(
        id=row["replica_id"],
        host=row["host"],
        version=row["version"],
        started_at=row["started_at"],
        claim=row["claim"],
        workers=[_worker(each) for each in row["workers"]],
    )
    return SeenReplica(state=state, seen_at=seen_at, age=age, is_leader=leads)


_TIMES = {"last_success_at", "last_failure_at"}
_FIELDS = {each.name for each in fields(WorkerState)}


def _worker_value(worker: WorkerState) -> Mapping[str, object]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(worker).items()
    }


def _worker(value: Mapping[str, Any]) -> WorkerState:
    """Read a worker, also of another release, which may have more or fewer fields."""
    known: dict[str, Any] = {
        name: datetime.fromisoformat(each) if name in _TIMES and each else each
        for name, each in value.items()
        if name in _FIELDS
    }
    return WorkerState(**known)
