"""What engines have answered last, in Postgres."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import dict_row, kwargs_row

from rtmanager.adapters.postgres.pool import Connection, Connections
from rtmanager.adapters.postgres.stored_values import Columns, stored_game_id
from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType, HealthObservation
from rtmanager.domain.ports.engine_health import KnownHealth
from rtmanager.domain.ports.health_log import Baseline, Watch

_OBSERVATION = Columns("game_id, container_id, healthy, error, since, checked_at, misses")

_OBSERVATIONS: LiteralString = f"SELECT {_OBSERVATION.names} FROM engine_health"

# The record is not locked: what comes too late is of another container, and counts as nothing.
_OBSERVE: LiteralString = f"""
    INSERT INTO engine_health ({_OBSERVATION.names})
    SELECT {_OBSERVATION.values} FROM runtime_records AS record
    WHERE record.game_id = %(game_id)s AND record.current_container_id = %(container_id)s
        AND record.status = 'running'
    ON CONFLICT (game_id) DO UPDATE SET {_OBSERVATION.from_excluded}
    WHERE engine_health.container_id <> excluded.container_id
        OR engine_health.checked_at <= excluded.checked_at
"""

_BEGIN_ROUND: LiteralString = """
    INSERT INTO probe_rounds (began_at) VALUES (%s)
    ON CONFLICT (is_the_one) DO UPDATE SET began_at = excluded.began_at
    WHERE probe_rounds.began_at < excluded.began_at
"""

_KNOWN: LiteralString = """
    SELECT
        game_id,
        to_jsonb(health) AS observation,
        to_jsonb(snapshot) AS last_event,
        (SELECT jsonb_agg(to_jsonb(baseline)) FROM health_baselines AS baseline
            WHERE baseline.game_id = record.game_id) AS baselines,
        (SELECT began_at FROM probe_rounds) AS probed_at
    FROM runtime_records AS record
    LEFT JOIN engine_health AS health USING (game_id)
    LEFT JOIN health_snapshots AS snapshot USING (game_id)
"""

_KNOWN_OF_GAME: LiteralString = f"{_KNOWN} WHERE game_id = %s"


class PostgresEngineHealth:
    """Reads the tables of health: one query, however many games there are."""

    def __init__(self, pool: Connections) -> None:
        self._pool = pool

    async def of(self, game_id: GameId) -> KnownHealth:
        """Return what is stored about the game."""
        found = await self._read(_KNOWN_OF_GAME, stored_game_id(game_id))
        return found.get(game_id) or KnownHealth()

    async def all(self) -> Mapping[GameId, KnownHealth]:
        """Return what is stored about every game."""
        return await self._read(_KNOWN)

    async def _read(
        self, statement: LiteralString, *parameters: object
    ) -> Mapping[GameId, KnownHealth]:
        rows = await self._pool.fetch(statement, parameters, rows=dict_row)
        return {GameId(row["game_id"]): _known(row) for row in rows}


async def fetch_observations(pool: Connections) -> Mapping[GameId, HealthObservation]:
    """Return the latest observation of every game."""
    found = await pool.fetch(_OBSERVATIONS, rows=kwargs_row(HealthObservation))
    return {each.game_id: each for each in found}


async def save_observations(
    connection: Connection, observations: Sequence[HealthObservation]
) -> None:
    """Store those that are of a running game's container."""
    # In one order, so that two rounds never wait for each other.
    rows = sorted(map(_row, observations), key=lambda row: row["game_id"])
    if rows:
        await connection.cursor().executemany(_OBSERVE, rows)


async def save_round(connection: Connection, began_at: datetime) -> None:
    """Store when the latest round of probes began."""
    await connection.execute(_BEGIN_ROUND, [began_at])


def _row(observation: HealthObservation) -> dict[str, Any]:
    return asdict(observation) | {"game_id": stored_game_id(observation.game_id)}


def _known(row: Mapping[str, Any]) -> KnownHealth:
    return KnownHealth(
        observation=_observation(row["observation"]),
        baselines=tuple(_baselines(row["baselines"] or ())),
        last_event=_event(row["last_event"]),
        probed_at=row["probed_at"],
    )


def _observation(value: dict[str, Any] | None) -> HealthObservation | None:
    if value is None:
        return None
    times = {name: datetime.fromisoformat(value[name]) for name in ("since", "checked_at")}
    return HealthObservation(**value | times)


def _baselines(values: Iterable[dict[str, Any]]) -> Iterable[Baseline]:
    return (Baseline(**each | {"watch": Watch(each["watch"])}) for each in values)


def _event(value: dict[str, Any] | None) -> HealthEvent | None:
    if value is None:
        return None
    return HealthEvent(
        game_id=GameId(value["game_id"]),
        container_id=ContainerId(value["container_id"]),
        event_type=HealthEventType(value["event_type"]),
        details=value["details"],
        occurred_at=datetime.fromisoformat(value["observed_at"]),
    )
