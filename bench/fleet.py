"""A fleet of games that are rows only: as many as asked for, without containers."""

from collections.abc import Sequence
from typing import LiteralString

import psycopg

_FLEET: LiteralString = """
    CREATE TEMPORARY TABLE fleet AS
    SELECT
        n, 'fleet-' || lpad(n::text, 5, '0') AS game, now() - n * interval '7 minutes' AS since
    FROM generate_series(1, %s) AS n
"""

# Seven of ten run, two are stopped and one is removed. One in twenty is unhealthy.
_RECORDS: LiteralString = """
    INSERT INTO runtime_records
    SELECT
        game,
        CASE WHEN n % 10 < 7 THEN 'running' WHEN n % 10 < 9 THEN 'stopped' ELSE 'removed' END,
        CASE WHEN n % 10 < 9 THEN encode(sha256(game::bytea), 'hex') END,
        'galaxy/game:1.4.' || n % 9,
        'sha256:' || encode(sha256(game::bytea), 'hex'),
        'http://galaxy-game-' || game || ':8080',
        '/var/lib/galaxy/games/' || game,
        'galaxy',
        since,
        CASE WHEN n % 10 >= 7 THEN since + interval '1 minute' END,
        CASE WHEN n % 10 = 9 THEN since + interval '2 minutes' END,
        since + interval '2 minutes',
        since,
        0,
        game
    FROM fleet
"""

# As many of each game as asked for.
_OPERATIONS: LiteralString = """
    INSERT INTO operation_log (
        game_id, kind, source, source_ref, image_ref, outcome, error_code, error_message, steps,
        started_at, finished_at
    )
    SELECT
        game,
        (ARRAY['start', 'stop', 'restart', 'patch'])[1 + i %% 4],
        (ARRAY['gm_rest', 'admin_rest'])[1 + i %% 2],
        encode(sha256((game || i)::bytea), 'hex'),
        'galaxy/game:1.4.' || n %% 9,
        CASE WHEN i %% 7 = 3 THEN 'failure' ELSE 'success' END,
        CASE WHEN i %% 7 = 3 THEN 'conflict' END,
        CASE WHEN i %% 7 = 3 THEN 'the game is stopped' END,
        (
            SELECT jsonb_agg(jsonb_build_object(
                'name', name, 'container_id', NULL, 'address', NULL, 'phase', 'forward',
                'started_at', at, 'duration_ms', 12.5, 'result', 'done', 'error_code', NULL,
                'error', NULL, 'detail', NULL, 'note', NULL
            ))
            FROM unnest(ARRAY['obtain_image', 'prepare_state', 'create', 'start', 'watch_gate'])
                AS name
        ),
        at,
        at + interval '2 seconds'
    FROM fleet, generate_series(1, %s) AS i, LATERAL (SELECT since + i * interval '1 s') AS _ (at)
"""

_HEALTH: LiteralString = """
    INSERT INTO engine_health
    SELECT
        game, encode(sha256(game::bytea), 'hex'), n % 20 <> 0,
        CASE WHEN n % 20 = 0 THEN 'the engine did not answer within 2 s' END,
        since, now(), CASE WHEN n % 20 = 0 THEN 3 ELSE 0 END
    FROM fleet WHERE n % 10 < 7
"""

_SNAPSHOTS: LiteralString = """
    INSERT INTO health_snapshots
    SELECT
        game, encode(sha256(game::bytea), 'hex'), 'container_started',
        jsonb_build_object('image_ref', 'galaxy/game:1.4.' || n % 9), since
    FROM fleet WHERE n % 10 < 7
"""

_CHANGE: LiteralString = """
    UPDATE engine_health SET healthy = NOT healthy, checked_at = now() WHERE game_id = %s
"""


_ALL_RUN: LiteralString = """
    UPDATE runtime_records SET
        status = 'running', current_container_id = encode(sha256(game_id::bytea), 'hex'),
        stopped_at = NULL, removed_at = NULL
"""

_ALL_REMOVED: LiteralString = """
    UPDATE runtime_records SET
        status = 'removed', current_container_id = NULL,
        stopped_at = started_at + interval '1 minute',
        removed_at = started_at + interval '2 minutes'
"""

ROWS_ONLY = dict.fromkeys(("probe_interval", "inspect_interval", "reconcile_interval"), "12h")
"""Settings for a fleet that has no containers: nobody must look for them, or ask its engines."""


def insert_fleet(dsn: str, games: int, *, operations: int = 20) -> Sequence[str]:
    """Insert the rows of this many games in every state, and return the games that run."""
    with psycopg.connect(dsn) as connection:
        psycopg.ClientCursor(connection).execute(_FLEET, [games])
        for statement in (_RECORDS, _HEALTH, _SNAPSHOTS):
            connection.execute(statement)
        connection.execute(_OPERATIONS, [operations])
        found = connection.execute(
            "SELECT game_id FROM runtime_records WHERE status = 'running' ORDER BY game_id"
        ).fetchall()
    _analyze(dsn)
    return [game for (game,) in found]


def insert_running(dsn: str, games: int) -> Sequence[str]:
    """Insert the records of this many games that all run, and return them."""
    return _insert_alike(dsn, games, _ALL_RUN)


def insert_removed(dsn: str, games: int) -> Sequence[str]:
    """Insert the records of this many games without containers, which nobody looks for."""
    return _insert_alike(dsn, games, _ALL_REMOVED)


def _insert_alike(dsn: str, games: int, alike: LiteralString) -> Sequence[str]:
    with psycopg.connect(dsn) as connection:
        psycopg.ClientCursor(connection).execute(_FLEET, [games])
        connection.execute(_RECORDS)
        connection.execute(alike)
    _analyze(dsn)
    return fleet_games(games)


def _analyze(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def fleet_games(games: int) -> Sequence[str]:
    """Return the ids of the games that are inserted."""
    return [f"fleet-{number:05}" for number in range(1, games + 1)]


def change_health(connection: psycopg.Connection[tuple[object, ...]], game: str) -> None:
    """Turn the health of a game around, as a round of probes does, and commit."""
    connection.execute(_CHANGE, [game])
    connection.commit()
