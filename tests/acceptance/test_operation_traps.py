"""Traps that were found in this code on a real Docker daemon, and that operations must survive."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tests.support.calls import error, message, ok, under_way, wait_until
from tests.support.environment import (
    STUBBORN_ENGINE,
    Environment,
    NewEnvironment,
    Row,
    image_of,
    is_parked,
    new_game,
    remove_games,
)

NEVER_ANSWERS = "1.4.90-never-answers"


@pytest.fixture(scope="module")
def hasty_environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that shuts down at once, though its engines may take longer to stop."""
    return new_environment(
        shutdown_timeout="1s", container_stop_timeout_seconds="4", game_lease_ttl_seconds="3"
    )


def _has_parked(environment: Environment, game: str) -> bool:
    return any(map(is_parked, environment.containers(game)))


def _new_one_runs(environment: Environment, game: str) -> bool:
    """Return whether the last operation's own container runs."""
    fence = str(environment.operations(game)[-1]["id"])
    made = [
        each for each in environment.containers(game) if each["Labels"]["com.galaxy.op_id"] == fence
    ]
    return any(each["State"] == "running" for each in made)


def _completed(environment: Environment, game: str) -> Row:
    """Return the game's last operation once it has an outcome."""
    wait_until(lambda: environment.operations(game)[-1]["outcome"], seconds=30)
    return environment.operations(game)[-1]


def test_trap_slow_stop_cut_off(hasty_environment: Environment, game: str) -> None:
    """A patch that is interrupted during the old engine's grace period is resumed.

    The answer to the caller says so, in the contract's envelope (trap shutdown_answers_plain_text).
    """
    environment = hasty_environment
    ok(environment.start(game, STUBBORN_ENGINE))
    with under_way(lambda: environment.patch(game, "1.4.8")) as answer:
        wait_until(lambda: _has_parked(environment, game))
        code = environment.service.stop()
        answered = answer()
    environment.service.start()
    row = _completed(environment, game)

    assert code == 0
    assert answered is not None
    assert error(answered) == (503, "service_unavailable")
    assert "continues" in message(answered)
    assert (row["outcome"], row["error_code"], row["lost"]) == ("success", None, 0)
    wait_until(lambda: len(environment.containers(game)) == 1)
    environment.assert_runs(game, "1.4.8")


def test_trap_gate_survives_a_crash(hasty_environment: Environment, game: str) -> None:
    """A crash while the gate is open does not let a broken engine pass: it is watched again."""
    environment = hasty_environment
    before = ok(environment.start(game))["current_container_id"]
    with under_way(lambda: environment.patch(game, NEVER_ANSWERS)) as answer:
        wait_until(
            lambda: len(environment.operations(game)) == 2 and _new_one_runs(environment, game)
        )
        environment.service.kill()
        answer()
    environment.service.start()
    row = _completed(environment, game)

    assert (row["outcome"], row["error_code"], row["lost"]) == (
        "failure",
        "container_start_failed",
        1,
    )
    assert ok(environment.get(game))["current_container_id"] == before
    environment.assert_runs(game, "1.4.7")


@pytest.fixture
def usurped(environment: Environment, game: str) -> Iterator[str]:
    """Return a running game whose container was renamed by hand, its name taken by a stranger."""
    container = str(ok(environment.start(game))["current_container_id"])
    environment.docker.rename(container, f"elsewhere-{game}")
    host = environment.docker.create_host_config(network_mode=environment.network)
    name = f"galaxy-game-{game}"
    stranger = environment.docker.create_container(image_of("1.4.7"), name=name, host_config=host)[
        "Id"
    ]
    yield container
    environment.docker.remove_container(stranger, force=True)


def test_trap_stranger_takes_the_name(environment: Environment, game: str, usurped: str) -> None:
    """Restart and start are a conflict and change nothing; stop and cleanup still work."""
    restarted, runs = environment.restart(game), environment.inspect(usurped)["State"]["Running"]
    stopped = environment.stop(game)
    started = environment.start(game)
    cleaned = environment.clean_up(game)

    assert error(restarted) == (409, "conflict")
    assert runs
    assert ok(stopped)["status"] == "stopped"
    assert ok(stopped)["current_container_id"] == usurped
    assert error(started) == (409, "conflict")
    assert ok(cleaned)["status"] == "removed"
    assert environment.containers(game) == []


def test_trap_cleanup_kills_a_running_engine(environment: Environment, game: str) -> None:
    """A container that somebody has just started is adopted instead of removed."""
    container = ok(environment.start(game))["current_container_id"]
    ok(environment.stop(game))

    environment.docker.start(container)
    answer = environment.clean_up(game)

    assert error(answer) == (409, "conflict")
    assert environment.inspect(container)["State"]["Running"]
    wait_until(lambda: ok(environment.get(game))["status"] == "running")
    environment.assert_runs(game, "1.4.7")


def test_trap_started_between_stop_and_look(environment: Environment, game: str) -> None:
    """If somebody starts the old engine as soon as it has stopped, still only one engine runs."""
    old = ok(environment.start(game))["current_container_id"]
    ended, interfered = threading.Event(), threading.Event()

    def interfere() -> None:
        while not ended.is_set():
            running = [
                each["Id"] for each in environment.containers(game) if each["State"] == "running"
            ]
            if not running and not interfered.is_set():
                interfered.set()
                environment.docker.start(old)
            time.sleep(0.005)

    interferer = threading.Thread(target=interfere)
    interferer.start()
    answer = environment.restart(game)
    ended.set()
    interferer.join()

    assert interfered.is_set()
    assert answer.status_code == 200, answer.text
    wait_until(lambda: len(environment.containers(game)) == 1)
    environment.assert_runs(game, "1.4.7")


def test_trap_ids_differ_by_case(environment: Environment, game: str) -> None:
    """A second game whose id is the same name in Docker's DNS is refused; nothing is created."""
    ok(environment.start(game))

    upper, dotted = environment.start(game.upper()), environment.start(f"{game}.")

    assert error(upper) == (400, "invalid_request")
    assert error(dotted) == (400, "invalid_request")
    assert game in message(upper)
    assert environment.containers(game.upper()) == []


@pytest.fixture
def other_database(new_database: Callable[[], str]) -> str:
    """Return an empty database."""
    return new_database()


def test_trap_two_installations_one_host(
    new_environment: NewEnvironment, environment: Environment, game: str, other_database: str
) -> None:
    """Another installation on the same host and network leaves our games alone, and says so."""
    container = ok(environment.start(game))["current_container_id"]

    other = replace(new_environment(postgres_primary_dsn=other_database), dsn=other_database)
    wait_until(lambda: "network_shared_with_others" in other.service.log)
    refused = other.start(game)

    assert other.installation != environment.installation
    assert other.call("GET", "/api/v1/internal/runtimes").json() == {"items": []}
    assert error(refused) == (409, "conflict")
    assert environment.inspect(container)["State"]["Running"]
    environment.assert_runs(game, "1.4.7")


def test_trap_database_restored_from_backup(
    new_environment: NewEnvironment, docker_api: Any, other_database: str
) -> None:
    """If the database is older than the containers, no fence is reused, and the game runs on."""
    game = new_game()
    first = replace(new_environment(postgres_primary_dsn=other_database), dsn=other_database)
    ok(first.start(game))
    ok(first.restart(game))
    fence = first.operations(game)[-1]["id"]
    first.service.stop()
    with psycopg.connect(other_database, autocommit=True) as connection:
        connection.execute("DELETE FROM runtime_records")
        connection.execute("TRUNCATE operation_log RESTART IDENTITY")
    first.service.start()
    wait_until(lambda: first.get(game).status_code == 200)
    ok(first.restart(game))

    assert "database_older_than_containers" in first.service.log
    assert min(row["id"] for row in first.operations(game)) > fence
    first.assert_runs(game, "1.4.7")
    remove_games(docker_api, [game])


def test_trap_state_directory_vanished(environment: Environment, game: str) -> None:
    """A game with a history never gets an empty state: both paths are named, nothing is created."""
    ok(environment.start(game))
    ok(environment.stop(game))
    kept = environment.state(game).with_name(f"{game}-kept")
    environment.state(game).rename(kept)

    missing = environment.start(game)

    assert error(missing) == (400, "start_config_invalid")
    assert str(environment.state(game)) in message(missing)
    assert not environment.state(game).exists()
    kept.rename(environment.state(game))
    assert ok(environment.start(game))["status"] == "running"
