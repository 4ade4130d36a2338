"""Health snapshots and the watchers' baselines in Postgres."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres.engine_health import (
    fetch_observations,
    save_observations,
    save_round,
)
from rtmanager.adapters.postgres.outbox_rows import insert_messages
from rtmanager.adapters.postgres.pool import Connection, PostgresPool
from rtmanager.adapters.postgres.stored_values import Columns, stored_game_id
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthObservation
from rtmanager.domain.messages import health_message
from rtmanager.domain.ports.health_log import Baseline, Watch

_BASELINE = Columns("game_id, container_id, watch, failing, count")
_SNAPSHOT = Columns("game_id, container_id, event_type, details, observed_at")

_LIST_BASELINES: LiteralString = f"SELECT {_BASELINE.names} FROM health_baselines WHERE watch = %s"

_SAVE_BASELINE: LiteralString = f"""
    INSERT INTO health_baselines ({_BASELINE.names}) VALUES ({_BASELINE.values})
    ON CONFLICT (game_id, watch) DO UPDATE SET {_BASELINE.from_excluded}
"""

_SAVE_SNAPSHOT: LiteralString = f"""
    INSERT INTO health_snapshots ({_SNAPSHOT.names}) VALUES ({_SNAPSHOT.values})
    ON CONFLICT (game_id) DO UPDATE SET {_SNAPSHOT.from_excluded}
"""

COUNT_UNHEALTHY: LiteralString = """
    SELECT count(*) FROM runtime_records AS record WHERE status = 'running' AND EXISTS (
        SELECT FROM health_baselines AS baseline
        WHERE baseline.failing AND baseline.game_id = record.game_id
            AND baseline.container_id = record.current_container_id
    )
"""

_LOCK_RUNNING: LiteralString = """
    SELECT 1 FROM runtime_records
    WHERE game_id = %s AND current_container_id = %s AND status = 'running'
    FOR UPDATE
"""


class PostgresHealthLog:
    """Keeps the tables of health and, with each event, the outbox."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def baselines(self, watch: Watch) -> Mapping[GameId, Baseline]:
        """Return the watcher's baselines by game."""
        found = await self._pool.fetch(_LIST_BASELINES, [watch], rows=kwargs_row(_baseline))
        return {baseline.game_id: baseline for baseline in found}

    async def note(self, baseline: Baseline, event: HealthEvent | None = None) -> bool:
        """Store the baseline and the event if the game still runs in that container."""
        game_id = stored_game_id(baseline.game_id)
        async with self._pool.transaction() as connection:
            if not await _still_runs(connection, game_id, baseline):
                return False
            await connection.execute(_SAVE_BASELINE, asdict(baseline) | {"game_id": game_id})
            if event:
                await save_snapshot(connection, event)
                await insert_messages(connection, [health_message(event)], at=event.occurred_at)
        return True

    async def observations(self) -> Mapping[GameId, HealthObservation]:
        """Return the latest observation of every game."""
        return await fetch_observations(self._pool)

    async def observe(self, changes: Sequence[HealthObservation], *, round_at: datetime) -> None:
        """Store what a round of probes has changed, and when it began."""
        async with self._pool.transaction() as connection:
            await save_observations(connection, changes)
            await save_round(connection, round_at)


async def save_snapshot(connection: Connection, event: HealthEvent) -> None:
    """Store the event as the game's health snapshot."""
    parameters = {
        "game_id": stored_game_id(event.game_id),
        "container_id": event.container_id,
        "event_type": event.event_type,
        "details": Jsonb(event.details),
        "observed_at": event.occurred_at,
    }
    await connection.execute(_SAVE_SNAPSHOT, parameters)


async def _still_runs(connection: Connection, game_id: str, baseline: Baseline) -> bool:
    """Lock the record, so that no operation replaces the container before our commit."""
    locked = await connection.execute(_LOCK_RUNNING, [game_id, baseline.container_id])
    return await locked.fetchone() is not None


def _baseline(*, watch: str, **facts: Any) -> Baseline:
    return Baseline(watch=Watch(watch), **facts)
