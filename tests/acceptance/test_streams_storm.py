"""Many jobs while the service is killed, and Redis and Postgres are restarted."""

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dev.embedded_postgres import EmbeddedPostgres, start_postgres
from dev.embedded_redis import EmbeddedRedis, start_redis
from tests.acceptance.recovery.instrumented_service import LATER
from tests.acceptance.streams import DEAD_JOBS, JOBS_PER_GAME, Lobby, Storm, lobby_at
from tests.support.calls import wait_until
from tests.support.databases import REDIS_PASSWORDS
from tests.support.environment import Environment, NewEnvironment, new_game

JOBS = int(os.environ.get("STORM_JOBS", "200"))
KILLS = int(os.environ.get("STORM_KILLS", "4"))
SEED = int(os.environ.get("STORM_SEED", "1"))
LEASE_TTL = "2"
# Time for the jobs left after the last disturbance: all of them at most, on a busy machine.
CALM_SECONDS = 60 + JOBS


@pytest.fixture
def redis(session_dir: Path) -> Iterator[EmbeddedRedis]:
    """Return a Redis of this test's own that keeps what it acknowledged."""
    server = start_redis(session_dir / "storm-redis", durable=True, passwords=REDIS_PASSWORDS)
    yield server
    server.stop()


@pytest.fixture
def database(session_dir: Path, say: Callable[[str], None]) -> Iterator[EmbeddedPostgres]:
    """Return a Postgres of this test's own."""
    server = start_postgres(session_dir / "storm-postgres", say)
    yield server
    server.stop()


@pytest.fixture
def storm_environment(
    new_environment: NewEnvironment, redis: EmbeddedRedis, database: EmbeddedPostgres
) -> Environment:
    """Return a service on servers that can be restarted."""
    dsn = database.dsn()
    environment = new_environment(
        postgres_primary_dsn=dsn, redis_master_addr=redis.address, game_lease_ttl_seconds=LEASE_TTL
    )
    return replace(environment, dsn=dsn)


@pytest.fixture
def lobby(redis: EmbeddedRedis) -> Iterator[Lobby]:
    """Return the Lobby on this test's Redis."""
    with lobby_at(redis.address) as found:
        yield found


@pytest.fixture
def storm(lobby: Lobby) -> Storm:
    """Return a storm over games of this test's own; removing the network removes them."""
    games = [new_game() for _ in range(JOBS // JOBS_PER_GAME)]
    return Storm(lobby, games, random.Random(SEED))  # noqa: S311 - to be repeated by its seed


def test_a_storm_gives_each_job_one_result_in_order(
    storm_environment: Environment,
    storm: Storm,
    redis: EmbeddedRedis,
    database: EmbeddedPostgres,
    say: Callable[[str], None],
) -> None:
    """Whatever is killed and restarted, each job has one result, in order, and records agree."""
    say(f"Storm: {storm.size} jobs, {KILLS} kills, seed {SEED} ...")
    began = time.monotonic()
    storm.blow(_disturbances(storm_environment, redis, database))
    blown = time.monotonic() - began
    left = storm.size - storm.answered()
    storm.wait_for_results(storm.size, seconds=CALM_SECONDS)
    outlived = _count(storm_environment, "operation_log WHERE lost > 0")
    say(
        f"Storm of {blown:.0f} s, {left} jobs left then, all done after "
        f"{time.monotonic() - began:.0f} s: {storm.outcomes()}; "
        f"{outlived} operations outlived a process"
    )
    storm.lobby.assert_all_acknowledged()
    wait_until(lambda: _count(storm_environment, "outbox WHERE sent_at IS NULL") == 0)

    assert _internal_errors(storm_environment) == []
    assert storm.results_by_game() == storm.sent
    assert storm.lobby.read(DEAD_JOBS) == []
    assert outlived > 0
    storm.assert_one_row_each(storm_environment)
    _assert_all_finished(storm_environment, storm)


def _disturbances(
    environment: Environment, redis: EmbeddedRedis, database: EmbeddedPostgres
) -> list[Callable[[], None]]:
    """Return the kills, with a restart of each server among them."""
    kills: list[Callable[[], None]] = [partial(_kill, environment)] * KILLS
    third = len(kills) // 3
    restarts = [partial(_restart_redis, redis), partial(_restart_database, database)]
    return [
        *kills[:third],
        restarts[0],
        *kills[third : 2 * third],
        restarts[1],
        *kills[2 * third :],
    ]


def _kill(environment: Environment) -> None:
    """Kill the service in the middle of an operation: killing an idle one proves nothing."""
    wait_until(
        lambda: _count(environment, "operation_log WHERE outcome IS NULL"), seconds=CALM_SECONDS
    )
    environment.service.kill()
    environment.service.start()


def _restart_redis(redis: EmbeddedRedis) -> None:
    redis.stop()
    time.sleep(1)
    start_redis(redis.directory, durable=True, passwords=REDIS_PASSWORDS)


def _restart_database(database: EmbeddedPostgres) -> None:
    database.stop()
    time.sleep(1)
    database.start()


def _assert_all_finished(environment: Environment, storm: Storm) -> None:
    """Assert that no operation is open and that the records agree with Docker."""
    wait_until(lambda: _count(environment, "operation_log WHERE outcome IS NULL") == 0)
    # A lease that could not be released expires; the reconciler may hold one just now.
    wait_until(lambda: not storm.lobby.redis.keys("rtmanager:*:game_lease:*"))
    # What a kill right after an outcome has left parked is removed after its grace period.
    with environment.service.replaced_by(LATER, {}):
        for game in storm.games:
            environment.assert_runs(game, "1.4.7")


def _internal_errors(environment: Environment) -> list[Any]:
    """Return every operation that failed because of the kills; there must be none."""
    statement = """
        SELECT kind, error_message, lost, steps FROM operation_log
        WHERE error_code = 'internal_error'
    """
    with psycopg.connect(environment.dsn, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def _count(environment: Environment, what: str) -> int:
    with psycopg.connect(environment.dsn, autocommit=True) as connection:
        row: Any = connection.execute(f"SELECT count(*) FROM {what}").fetchone()  # noqa: S608
    return int(row[0])
