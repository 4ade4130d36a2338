"""Health snapshots and the watchers' baselines in Postgres."""

from collections.abc import Mapping

from rtmanager.adapters.postgres import rows, statements
from rtmanager.adapters.postgres.deadline import Connection
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.outbox import health_message
from rtmanager.domain.ports.health_log import Baseline, Watch


class PostgresHealthLog:
    """Keeps `health_baselines` and, with the news, `health_snapshots` and the outbox."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def baselines(self, watch: Watch) -> Mapping[GameId, Baseline]:
        """Return the watcher's baselines by game."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statements.LIST_BASELINES, [watch.value])
            found = [rows.baseline_from(row) for row in await cursor.fetchall()]
        return {baseline.game_id: baseline for baseline in found}

    async def note(self, baseline: Baseline, event: HealthEvent | None = None) -> bool:
        """Store the baseline and the event while the game runs in that very container."""
        async with self._pool.transaction() as connection:
            if not await _still_runs(connection, baseline):
                return False
            await connection.execute(statements.SAVE_BASELINE, rows.baseline_parameters(baseline))
            if event:
                await _save_event(connection, event)
        return True

    async def latest(self, game_id: GameId) -> HealthEvent | None:
        """Return the game's health snapshot."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statements.GET_HEALTH, [stored_game_id(game_id)])
            row = await cursor.fetchone()
        return rows.health_from(row) if row else None


async def _still_runs(connection: Connection, baseline: Baseline) -> bool:
    """Lock the record, so that no operation can end the container's time before our commit."""
    locked = await connection.execute(
        statements.LOCK_RUNNING, [stored_game_id(baseline.game_id), baseline.container_id]
    )
    return await locked.fetchone() is not None


async def _save_event(connection: Connection, event: HealthEvent) -> None:
    await connection.execute(statements.SAVE_HEALTH, rows.health_parameters(event))
    message = rows.message_parameters(health_message(event))
    await connection.execute(statements.INSERT_MESSAGE, message)
