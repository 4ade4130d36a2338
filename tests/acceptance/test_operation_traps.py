"""Traps that were found in this code on the real engine: what operations must survive."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tests.acceptance.stage import (
    Row,
    Stage,
    error,
    image_of,
    message,
    new_game,
    ok,
    remove_containers,
    under_way,
    wait_until,
)

STUBBORN, NEVER_ANSWERS = "1.4.90-ignores-sigterm", "1.4.90-never-answers"


@pytest.fixture(scope="module")
def hasty_stage(new_stage: Callable[..., Stage]) -> Stage:
    """Return a service that waits for nothing at its end, though its engines may take longer."""
    return new_stage(
        shutdown_timeout="1s", container_stop_timeout_seconds="4", game_lease_ttl_seconds="3"
    )


def _is_parked(stage: Stage, game: str) -> bool:
    return any("galaxy-parked-" in each["Names"][0] for each in stage.containers(game))


def _new_one_runs(stage: Stage, game: str) -> bool:
    """Tell whether the last operation's own container runs."""
    fence = str(stage.operations(game)[-1]["id"])
    made = [each for each in stage.containers(game) if each["Labels"]["com.galaxy.op_id"] == fence]
    return any(each["State"] == "running" for each in made)


def _completed(stage: Stage, game: str) -> Row:
    """Return the game's last operation once it has an outcome."""
    wait_until(lambda: stage.operations(game)[-1]["outcome"], seconds=30)
    return stage.operations(game)[-1]


def test_trap_slow_stop_cut_off(hasty_stage: Stage, game: str) -> None:
    """A patch that is cut off while the old engine uses its grace period goes on; the new runs.

    The caller is told so, in the contract's envelope (trap shutdown_answers_plain_text).
    """
    stage = hasty_stage
    ok(stage.start(game, STUBBORN))
    with under_way(lambda: stage.patch(game, "1.4.8")) as answer:
        wait_until(lambda: _is_parked(stage, game))
        code = stage.service.stop()
        answered = answer()
    stage.service.start()
    row = _completed(stage, game)

    assert code == 0
    assert answered is not None
    assert error(answered) == (503, "service_unavailable")
    assert "goes on" in message(answered)
    assert (row["outcome"], row["error_code"], row["lost"]) == ("success", None, 0)
    wait_until(lambda: len(stage.containers(game)) == 1)
    stage.assert_true_record(game, "1.4.8")


def test_trap_gate_survives_a_crash(hasty_stage: Stage, game: str) -> None:
    """A crash while the gate is open does not let a broken engine through: it is watched again."""
    stage = hasty_stage
    before = ok(stage.start(game))["current_container_id"]
    with under_way(lambda: stage.patch(game, NEVER_ANSWERS)) as answer:
        wait_until(lambda: len(stage.operations(game)) == 2 and _new_one_runs(stage, game))
        stage.service.kill()
        answer()
    stage.service.start()
    row = _completed(stage, game)

    assert (row["outcome"], row["error_code"], row["lost"]) == (
        "failure",
        "container_start_failed",
        1,
    )
    assert ok(stage.get(game))["current_container_id"] == before
    stage.assert_true_record(game, "1.4.7")


@pytest.fixture
def usurped(stage: Stage, game: str) -> Iterator[str]:
    """Return a running game whose container was renamed by hand, its name taken by a stranger."""
    container = str(ok(stage.start(game))["current_container_id"])
    stage.docker.rename(container, f"elsewhere-{game}")
    host = stage.docker.create_host_config(network_mode=stage.network)
    name = f"galaxy-game-{game}"
    stranger = stage.docker.create_container(image_of("1.4.7"), name=name, host_config=host)["Id"]
    yield container
    stage.docker.remove_container(stranger, force=True)


def test_trap_stranger_takes_the_name(stage: Stage, game: str, usurped: str) -> None:
    """Restart and start are a conflict and leave all as it is; stop and cleanup still work."""
    restarted, runs = stage.restart(game), stage.inspect(usurped)["State"]["Running"]
    stopped = stage.stop(game)
    started = stage.start(game)
    cleaned = stage.clean_up(game)

    assert error(restarted) == (409, "conflict")
    assert runs
    assert ok(stopped)["status"] == "stopped"
    assert ok(stopped)["current_container_id"] == usurped
    assert error(started) == (409, "conflict")
    assert ok(cleaned)["status"] == "removed"
    assert stage.containers(game) == []


def test_trap_cleanup_kills_a_running_engine(stage: Stage, game: str) -> None:
    """A container that somebody started a moment ago is no leftover: it is adopted."""
    container = ok(stage.start(game))["current_container_id"]
    ok(stage.stop(game))

    stage.docker.start(container)
    answer = stage.clean_up(game)

    assert error(answer) == (409, "conflict")
    assert stage.inspect(container)["State"]["Running"]
    wait_until(lambda: ok(stage.get(game))["status"] == "running")
    stage.assert_true_record(game, "1.4.7")


def test_trap_started_between_stop_and_look(stage: Stage, game: str) -> None:
    """Whoever starts the old engine as soon as it has stopped does not make two of them run."""
    old = ok(stage.start(game))["current_container_id"]
    ended, meddled = threading.Event(), threading.Event()

    def meddle() -> None:
        while not ended.is_set():
            running = [each["Id"] for each in stage.containers(game) if each["State"] == "running"]
            if not running and not meddled.is_set():
                meddled.set()
                stage.docker.start(old)
            time.sleep(0.005)

    meddler = threading.Thread(target=meddle)
    meddler.start()
    answer = stage.restart(game)
    ended.set()
    meddler.join()

    assert meddled.is_set()
    assert answer.status_code == 200, answer.text
    wait_until(lambda: len(stage.containers(game)) == 1)
    stage.assert_true_record(game, "1.4.7")


def test_trap_ids_differ_by_case(stage: Stage, game: str) -> None:
    """A second game whose id is the same name to Docker's DNS is refused, and nothing is made."""
    ok(stage.start(game))

    shouted, dotted = stage.start(game.upper()), stage.start(f"{game}.")

    assert error(shouted) == (400, "invalid_request")
    assert error(dotted) == (400, "invalid_request")
    assert game in message(shouted)
    assert stage.containers(game.upper()) == []


@pytest.fixture
def other_database(new_database: Callable[[], str]) -> str:
    """Return an empty database."""
    return new_database()


def test_trap_two_installations_one_host(
    new_stage: Callable[..., Stage], stage: Stage, game: str, other_database: str
) -> None:
    """Another installation on the same host and network leaves our games alone, and says so."""
    container = ok(stage.start(game))["current_container_id"]

    other = replace(new_stage(postgres_primary_dsn=other_database), dsn=other_database)
    wait_until(lambda: "network_shared_with_others" in other.service.log)
    refused = other.start(game)

    assert other.installation != stage.installation
    assert other.call("GET", "/api/v1/internal/runtimes").json() == {"items": []}
    assert error(refused) == (409, "conflict")
    assert stage.inspect(container)["State"]["Running"]
    stage.assert_true_record(game, "1.4.7")


def test_trap_database_restored_from_backup(
    new_stage: Callable[..., Stage], docker_api: Any, other_database: str
) -> None:
    """A database that is older than the containers gives no fence again, and learns what runs."""
    game = new_game()
    first = replace(new_stage(postgres_primary_dsn=other_database), dsn=other_database)
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
    first.assert_true_record(game, "1.4.7")
    remove_containers(docker_api, {"label": f"com.galaxy.game_id={game}"})


def test_trap_state_directory_vanished(stage: Stage, game: str) -> None:
    """A game with a history never gets an empty state: both paths are named, nothing is made."""
    ok(stage.start(game))
    ok(stage.stop(game))
    kept = stage.state(game).with_name(f"{game}-kept")
    stage.state(game).rename(kept)

    missing = stage.start(game)

    assert error(missing) == (400, "start_config_invalid")
    assert str(stage.state(game)) in message(missing)
    assert not stage.state(game).exists()
    kept.rename(stage.state(game))
    assert ok(stage.start(game))["status"] == "running"
