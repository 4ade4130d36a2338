"""Faults that tests inject: into engines, and between the service and its servers."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.support.calls import ok, wait_until
from tests.support.environment import Environment, Row
from tests.support.proxy import Proxy

DOCKER_TIMEOUT = 3.0


class EngineFault(NamedTuple):
    """How an engine is lost, and what the service must record and report."""

    inject: Callable[[Environment, str], None]
    status: str
    event: str
    details: Row


def _kill(environment: Environment, game: str) -> None:
    environment.docker.kill(f"galaxy-game-{game}")


def _remove(environment: Environment, game: str) -> None:
    environment.docker.remove_container(f"galaxy-game-{game}", force=True)


def _eat_memory(environment: Environment, game: str) -> None:
    (environment.state(game) / "eat-memory").touch()


_EXIT_137 = {"exit_code": 137}
EACH_ENGINE_FAULT = pytest.mark.parametrize(
    "fault",
    [
        EngineFault(_kill, "stopped", "container_exited", _EXIT_137 | {"oom": False}),
        EngineFault(_remove, "removed", "container_disappeared", {}),
        EngineFault(_eat_memory, "stopped", "container_oom", _EXIT_137),
    ],
    ids=["killed", "removed", "out of memory"],
)


def health_events(environment: Environment, game: str, *types: str) -> list[Row]:
    """Return the health events of these types that a game has in the outbox."""
    messages = environment.outbox(game)
    rows = [each["fields"] for each in messages if each["stream"] == "health_events"]
    return [each for each in rows if each["event_type"] in types]


def details_of(event: Row) -> Row:
    """Return the details of a health event."""
    return dict(json.loads(event["details"]))


def assert_loss_is_reported(environment: Environment, game: str, fault: EngineFault) -> float:
    """Lose a running engine; assert that this is recorded, and reported once, with its details.

    Return the seconds from the end of its container to the outbox row about it.
    """
    before, began = ok(environment.start(game, "1.4.90-eats-memory")), time.time()
    fault.inject(environment, game)

    def is_reported() -> bool:
        reported = health_events(environment, game, fault.event)
        return bool(reported) and ok(environment.get(game))["status"] == fault.status

    wait_until(is_reported)
    (event,) = health_events(environment, game, fault.event)
    seconds = _seconds_until_reported(environment, environment.outbox(game)[-1], since=began)

    assert event["container_id"] == before["current_container_id"]
    assert details_of(event) == fault.details
    environment.assert_no_open_operation(game)
    return seconds


def _seconds_until_reported(environment: Environment, row: Row, *, since: float) -> float:
    """Return the seconds from Docker's event about a container's end to an outbox row about it.

    Our own clock is not used: how often a busy host lets us poll must not count. A row is written
    in one transaction with the record, and dated when that begins.
    """
    filters = {"container": row["fields"]["container_id"], "event": ["die", "destroy"]}
    until = f"{time.time():.6f}"  # what has happened so far, without waiting for more
    events = environment.docker.events(
        since=f"{since:.6f}", until=until, decode=True, filters=filters
    )
    ended = min(each["timeNano"] for each in events)
    return float(row["created_at"].timestamp() - ended / 1e9)


class Proxies:
    """One proxy before each server."""

    def __init__(self, settings: dict[str, str], sockets: Path) -> None:
        conninfo: Any = psycopg.conninfo.conninfo_to_dict(settings["postgres_primary_dsn"])
        redis_host, _, redis_port = settings["redis_master_addr"].partition(":")
        docker_socket = Path(settings["docker_host"].removeprefix("unix://"))
        self.postgres = Proxy(_postgres_address(conninfo))
        self.redis = Proxy((redis_host, int(redis_port)))
        self.docker = Proxy(docker_socket, listen_on=sockets / "docker.sock")
        self.docker_host = f"unix://{sockets}/docker.sock"
        self._conninfo = conninfo

    def __iter__(self) -> Iterator[Proxy]:
        """Iterate over the three."""
        return iter((self.postgres, self.redis, self.docker))

    @property
    def dsn(self) -> str:
        """Return the connection string that goes through the proxy."""
        through = {**self._conninfo, "host": "127.0.0.1", "port": self.postgres.port}
        return psycopg.conninfo.make_conninfo("", **through)


def _postgres_address(conninfo: Any) -> tuple[str, int] | Path:
    host, port = str(conninfo["host"]), int(conninfo.get("port", 5432))
    return Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else (host, port)
