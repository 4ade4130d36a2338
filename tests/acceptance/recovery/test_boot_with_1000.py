"""A start-up that finds a thousand games, or as many as the environment sets."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.recovery.instrumented_service import CALLS, COUNTING
from tests.support.docker import remove_containers
from tests.support.environment import Environment, NewEnvironment, Row, image_of, new_game
from tests.support.run import Say

GAMES = int(os.environ.get("BOOT_GAMES", "1000"))
"""`make test` takes fewer: the counts are the same, and creating games takes most of the time."""
DRIFTED = 10
AT_ONCE = 16
SECONDS = 5.0
HERD_LABEL = "com.galaxy.test_herd"
COLUMNS = (
    "game_id, status, current_container_id, current_image_ref, image_id, engine_endpoint,"
    " state_path, docker_network, started_at, stopped_at, last_op_at, created_at, last_fence"
)


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that does as little as possible by itself."""
    return new_environment(inspect_interval="1h", probe_interval="1h", reconcile_interval="1h")


@pytest.fixture(scope="module")
def herd(environment: Environment, docker_api: Any) -> Iterator[list[str]]:
    """Return the ids of games whose containers were created and never ran.

    Docker creates several at once in a third of the time, even on two cores.
    """
    environment.service.stop()  # it would inspect every container that is created or removed
    name = new_game()
    games = [f"{name}-{number:04}" for number in range(GAMES)]
    image = docker_api.inspect_image(image_of("1.4.7"))["Id"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ids = list(pool.map(partial(_create, docker_api, environment.network, image, name), games))
    _write_records(environment, list(zip(games, ids, strict=True)), image)
    yield games
    environment.service.stop()
    remove_containers(docker_api, {"label": f"{HERD_LABEL}={name}"})


def _create(api: Any, network: str, image: str, herd: str, game: str) -> str:
    created = api.create_container(
        image,
        name=f"galaxy-game-{game}",
        labels={
            HERD_LABEL: herd,
            "com.galaxy.owner": "rtmanager",
            "com.galaxy.kind": "game-engine",
            "com.galaxy.game_id": game,
            "com.galaxy.engine_image_ref": image_of("1.4.7"),
            "com.galaxy.started_at_ms": "0",
            "com.galaxy.op_id": "1",
        },
        host_config=api.create_host_config(network_mode=network),
    )
    return str(created["Id"])


def _write_records(
    environment: Environment, containers: Sequence[tuple[str, str]], image: str
) -> None:
    values = "%s, 'stopped', %s, %s, %s, %s, '/srv', %s, now(), now(), now(), now(), 0"
    statement = f"INSERT INTO runtime_records ({COLUMNS}) VALUES ({values})"  # noqa: S608 - constants
    rows = [
        (
            game,
            container,
            image_of("1.4.7"),
            image,
            f"http://galaxy-game-{game}:8080",
            environment.network,
        )
        for game, container in containers
    ]
    with psycopg.connect(environment.dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(statement, rows)


@pytest.fixture
def counted(environment: Environment, tmp_path: Path) -> Iterator[Path]:
    """Let the next start run a service that writes its calls of Docker to a file; return that."""
    file = tmp_path / "calls"
    with environment.service.using(COUNTING, {CALLS: str(file)}):
        yield file


def test_trap_boot_with_1000(
    environment: Environment, herd: list[str], counted: Path, say: Say
) -> None:
    """A start-up on a thousand games lists once, inspects nothing, and is ready in time."""
    calls, seconds, ready = _restarted(environment, counted)
    say(
        f"{len(herd)} games reconciled at start-up in {seconds:.2f} s, ready after {ready:.2f} s; "
        f"Docker calls: {_listed(calls)}"
    )

    assert calls["list_containers"] == 1
    assert set(calls) <= {"list_containers", "ping", "network_exists"}
    assert seconds <= SECONDS


def test_start_up_inspects_only_what_has_drifted(
    environment: Environment, herd: list[str], counted: Path, say: Say
) -> None:
    """Of a thousand games ten have drifted: only these are inspected and reconciled."""
    drifted = list(islice(herd, DRIFTED))
    environment.service.stop()  # the next start-up is to find them
    statement = "UPDATE runtime_records SET status = 'running' WHERE game_id = ANY(%s)"
    with psycopg.connect(environment.dsn, autocommit=True) as connection:
        connection.execute(statement, (drifted,))

    calls, seconds, _ = _restarted(environment, counted)
    reconciled = [environment.get(game).json()["status"] for game in drifted]
    say(f"{DRIFTED} of {len(herd)} drifted: {seconds:.2f} s; Docker calls: {_listed(calls)}")

    assert reconciled == ["stopped"] * DRIFTED
    assert calls["list_containers"] == 1
    assert 0 < calls["inspect"] <= 5 * DRIFTED
    assert seconds <= SECONDS


def _restarted(environment: Environment, counted: Path) -> tuple[Counter[str], float, float]:
    """Restart the service; return its Docker calls until it has reconciled, and the times."""
    environment.service.stop()
    logged = len(environment.service.log)
    began = time.monotonic()
    environment.service.start()
    ready = time.monotonic() - began
    reconciled = _moment_of("reconciled", environment.service.log[logged:])
    rows = [json.loads(line) for line in counted.read_text().splitlines()]
    until = [each for each in rows if each["at"] <= reconciled]
    listed = next(each["at"] for each in until if each["call"] == "list_containers")
    return Counter(each["call"] for each in until), reconciled - listed, ready


def _moment_of(event: str, log: str) -> float:
    lines: list[Row] = [json.loads(line) for line in log.splitlines()]
    moment = next(each["timestamp"] for each in lines if each["event"] == event)
    return datetime.fromisoformat(moment).timestamp()


def _listed(calls: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))
