"""The environment of a test on the running service: the service and the servers behind it."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from dev.checkout import ensure_network
from tests.support.calls import ok, wait_until
from tests.support.databases import REDIS_SETTINGS
from tests.support.docker import drop_network, remove_containers
from tests.support.run import run_name
from tests.support.running_service import NO_TLS, RUNTIMES, RunningService

Row = dict[str, Any]
GAME_LABEL = "com.galaxy.game_id"
SILENT_ENGINE = "1.4.90-never-listens"
"""A demo engine whose start takes as long as the gate, so that a test can act meanwhile."""
STUBBORN_ENGINE = "1.4.90-ignores-sigterm"
"""A demo engine whose stop takes the whole grace period."""
START_GATE_SECONDS = 3
STOP_GRACE_SECONDS = 2
SHORT_LEASE = "3"
"""For tests in which a lease cannot be released: as short as a busy host allows."""


@dataclass(frozen=True)
class Environment:
    """A running service and the servers that it works on."""

    service: RunningService
    docker: Any
    dsn: str
    network: str
    state_root: Path
    headers: Mapping[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Send one request to the service, on a connection of its own."""
        return self.service.request(method, path, json=body, headers=self.headers, timeout=90)

    def start(self, game: str, version: str = "1.4.7") -> httpx.Response:
        """Start a game with a demo image."""
        return self.call("POST", f"{RUNTIMES}/{game}/start", {"image_ref": image_of(version)})

    def patch(self, game: str, version: str) -> httpx.Response:
        """Patch a game to another demo image."""
        return self.call("POST", f"{RUNTIMES}/{game}/patch", {"image_ref": image_of(version)})

    def restart(self, game: str) -> httpx.Response:
        """Restart a game."""
        return self.call("POST", f"{RUNTIMES}/{game}/restart")

    def stop(self, game: str) -> httpx.Response:
        """Stop a game."""
        return self.call("POST", f"{RUNTIMES}/{game}/stop", {"reason": "finished"})

    def clean_up(self, game: str) -> httpx.Response:
        """Remove the container of a game."""
        return self.call("DELETE", f"{RUNTIMES}/{game}/container")

    def get(self, game: str) -> httpx.Response:
        """Read a game's record."""
        return self.call("GET", f"{RUNTIMES}/{game}")

    def containers(self, game: str) -> list[Row]:
        """Return every container of a game, in any state, as `docker ps -a` lists them."""
        filters = {"label": f"{GAME_LABEL}={game}"}
        return list(self.docker.containers(all=True, filters=filters))

    def inspect(self, container: str) -> Row:
        """Return what `docker inspect` shows."""
        return dict(self.docker.inspect_container(container))

    def health(self, game: str) -> httpx.Response:
        """Ask the game's engine for its health, at its address on the network."""
        networks = self.inspect(f"galaxy-game-{game}")["NetworkSettings"]["Networks"]
        url = f"http://{networks[self.network]['IPAddress']}:8080/healthz"
        return httpx.get(url, verify=NO_TLS, timeout=5)

    def operations(self, game: str) -> list[Row]:
        """Return the requested operations on a game, from the operation log, oldest first."""
        statement = "SELECT * FROM operation_log WHERE game_id = %s AND source <> 'auto_reconcile'"
        return self.rows(f"{statement} ORDER BY id", game)

    def open_operations(self, game: str | None = None) -> list[Row]:
        """Return the open operations on a game, or on any."""
        open_ones = self.rows("SELECT * FROM operation_log WHERE outcome IS NULL")
        return [row for row in open_ones if game in {None, row["game_id"]}]

    def assert_no_open_operation(self, game: str) -> None:
        """Assert that no operation stays open; the reconciler may be working for a moment."""
        wait_until(lambda: not self.open_operations(game))

    @property
    def installation(self) -> str:
        """The installation's id, as stored in the database."""
        (row,) = self.rows("SELECT id FROM installation")
        return str(row["id"])

    def outbox(self, game: str) -> list[Row]:
        """Return the messages that wait to be sent about a game, oldest first."""
        return self.rows("SELECT * FROM outbox WHERE game_id = %s ORDER BY id", game)

    def rows(self, statement: str, *values: str) -> list[Row]:
        """Run a statement and return its rows."""
        connect: Any = partial(psycopg.connect, self.dsn, autocommit=True)
        with connect(row_factory=dict_row) as connection:
            return list(connection.execute(statement, values))

    def state(self, game: str) -> Path:
        """Return the game's state directory."""
        return self.state_root / game

    def assert_runs(self, game: str, version: str, *, parked_may_stay: bool = False) -> None:
        """Assert that one container runs, that the record agrees, and that no operation is open.

        A parked container may stay if Docker was unavailable or too slow when it had to be removed:
        the reconciler removes it after its grace period.
        """
        self.assert_no_open_operation(game)
        if not parked_may_stay:
            # It is removed after the outcome was written, long before the reconciler would do so.
            wait_until(lambda: not any(map(is_parked, self.containers(game))))
        record = ok(self.get(game))
        found = self.containers(game)
        (container,) = [each for each in found if not (parked_may_stay and is_parked(each))]

        assert (container["State"], container["Names"]) == ("running", [f"/galaxy-game-{game}"])
        assert container["Labels"]["com.galaxy.engine_image_ref"] == image_of(version)
        assert record["status"] == "running"
        assert record["current_container_id"] == container["Id"]
        assert record["current_image_ref"] == image_of(version)

    def inconsistencies(self, game: str) -> list[str]:
        """Return how a game's record and its containers differ, parked ones included."""
        rows = self.rows("SELECT * FROM runtime_records WHERE game_id = %s", game)
        has_container = rows and rows[0]["status"] != "removed"
        name = f"/galaxy-game-{game}"
        expected = (
            [(rows[0]["current_container_id"], name, rows[0]["status"] == "running")]
            if has_container
            else []
        )
        found = [
            (each["Id"], each["Names"][0], each["State"] == "running")
            for each in self.containers(game)
        ]
        return [] if found == expected else [f"{game}: {expected}, not {found}"]

    def assert_nothing_left(self, game: str) -> None:
        """Assert that a failed first start left neither a container nor a record."""
        assert self.containers(game) == []
        assert self.get(game).status_code == 404


def is_parked(container: Row) -> bool:
    """Return whether a container has a parked name."""
    return "-parked-" in container["Names"][0]


def image_of(version: str) -> str:
    """Return the reference of a demo image."""
    return f"galaxy/game:{version}"


def new_game() -> str:
    """Return a game id that no other test uses."""
    return f"{run_name()}-{secrets.token_hex(6)}"


def remove_games(api: Any, games: Sequence[str]) -> None:
    """Remove all containers of some games."""
    for game in games:
        remove_containers(api, {"label": f"{GAME_LABEL}={game}"})


Request = Callable[[Environment, str], httpx.Response]
"""A request to an environment about a game."""
NewEnvironment = Callable[..., Environment]
"""Starts a service, on loopback unless `host` is given; other keywords override settings."""


@pytest.fixture(scope="module")
def service_network(docker_host: str, docker_api: Any) -> Iterator[str]:
    """Return a network of the module's own: a service reconciles everything on its network."""
    name = new_game()
    ensure_network(docker_host, name)
    yield name
    remove_containers(docker_api, {"network": name})
    drop_network(docker_host, name)


@pytest.fixture(scope="module")
def service_settings(  # noqa: PLR0913, PLR0917 - one real server each
    new_database: Callable[[], str],
    new_redis: Callable[[], str],
    docker_host: str,
    service_network: str,
    demo_images: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """Return the settings of a service on servers that a module's tests share."""
    assert demo_images
    return {
        "postgres_primary_dsn": new_database(),
        "redis_master_addr": new_redis(),
        **REDIS_SETTINGS,
        "docker_host": docker_host,
        "docker_network": service_network,
        "game_state_root": str(tmp_path_factory.mktemp("games")),
        # No test waits longer than necessary for a grace period or a gate.
        "container_stop_timeout_seconds": str(STOP_GRACE_SECONDS),
        "start_gate_timeout": f"{START_GATE_SECONDS}s",
        "patch_gate_timeout": "8s",
    }


@pytest.fixture(scope="module")
def new_environment(
    service_settings: dict[str, str], docker_api: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewEnvironment]:
    """Return a function that starts a service, by default on loopback; keywords are settings."""
    with ExitStack() as running:

        def start(host: str = "127.0.0.1", **overrides: str) -> Environment:
            chosen = {**service_settings, **overrides}
            log_file = tmp_path_factory.mktemp("service") / "log"
            service = RunningService.of(chosen, log_file, host=host)
            running.callback(service.stop)
            service.start()
            return Environment(
                service,
                docker_api,
                service_settings["postgres_primary_dsn"],  # not through a proxy
                chosen["docker_network"],
                Path(chosen["game_state_root"]),
            )

        yield start
