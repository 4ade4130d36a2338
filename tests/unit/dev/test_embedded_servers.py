from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from rtmanager.dev.embedded_postgres import EmbeddedPostgres, start_postgres
from rtmanager.dev.embedded_redis import EmbeddedRedis, start_redis
from tests.services.session import Say


def _redis(server: EmbeddedRedis) -> Redis:
    return Redis(host="127.0.0.1", port=server.port)


@pytest.fixture
def own_postgres(session_dir: Path, say: Say) -> Iterator[EmbeddedPostgres]:
    """Return a server that a test may stop."""
    server = start_postgres(session_dir / "stoppable-postgres", say)
    yield server
    server.stop()


def test_postgres_keeps_its_data_and_address_over_a_restart(
    own_postgres: EmbeddedPostgres, session_dir: Path, say: Say
) -> None:
    """The next run goes on where this one ended."""
    with psycopg.connect(own_postgres.dsn()) as connection:
        connection.execute("CREATE TABLE public.games AS SELECT 42 AS turn")
    own_postgres.stop()

    again = start_postgres(session_dir / "stoppable-postgres", say)

    assert again.dsn() == own_postgres.dsn()
    with psycopg.connect(again.dsn()) as connection:
        assert connection.execute("TABLE public.games").fetchone() == (42,)


def test_a_postgres_that_still_runs_is_taken_over(
    own_postgres: EmbeddedPostgres, session_dir: Path, say: Say
) -> None:
    """A run that was killed leaves its server; the next one uses it and may stop it."""
    again = start_postgres(session_dir / "stoppable-postgres", say)

    assert again == own_postgres


def test_postgres_asks_for_its_password(own_postgres: EmbeddedPostgres) -> None:
    """A loopback port is open to every user of the machine."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(own_postgres.dsn(), password="guessed")


def test_redis_keeps_its_data_and_address_over_a_restart(tmp_path: Path) -> None:
    """The next run goes on where this one ended."""
    server = start_redis(tmp_path / "redis")
    with closing(_redis(server)) as client:
        client.set("turn", 42)
    server.stop()

    again = start_redis(tmp_path / "redis")
    with closing(_redis(again)) as client:
        turn = client.get("turn")
    again.stop()

    assert (turn, again.address) == (b"42", server.address)


def test_a_redis_that_still_runs_is_taken_over(tmp_path: Path) -> None:
    """A run that was killed leaves its server; the next one uses it and may stop it."""
    server = start_redis(tmp_path / "redis")

    again = start_redis(tmp_path / "redis")
    again.stop()

    assert again == server
    assert not server.process.is_running()


def test_a_redis_that_was_started_again_is_stopped_by_its_first_holder(tmp_path: Path) -> None:
    """A test that restarts its server leaves none behind: the fixture stops what runs now."""
    server = start_redis(tmp_path / "redis")
    server.stop()
    again = start_redis(tmp_path / "redis")

    server.stop()

    left_behind = again.process.is_running()
    again.stop()
    assert not left_behind
