"""Postgres, Redis and Docker are restarted while callers keep the service busy.

Postgres and Redis are servers of this module's own and are really stopped, or killed, and started
again. Docker is taken away by a proxy, and every engine is killed meanwhile, as a restart of
dockerd would do: a second dockerd would not be safe beside the one that the tests share, since both
manage the same bridges and firewall rules of the host.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from docker.errors import APIError

from dev.background_process import BackgroundProcess
from dev.embedded_postgres import EmbeddedPostgres, start_postgres
from dev.embedded_redis import EmbeddedRedis, start_redis
from tests.acceptance.recovery.load import Load, assert_consistent_outcomes
from tests.support.databases import REDIS_PASSWORDS
from tests.support.environment import Environment, NewEnvironment, new_game, remove_games
from tests.support.proxy import Proxy
from tests.support.run import Say

GAMES = 3
AWAY = 4.0
BACK_WITHIN = 40.0


@dataclass
class Servers:
    """The servers that are restarted, and the proxy before Docker."""

    postgres: EmbeddedPostgres
    redis_directory: Path
    docker: Proxy
    docker_host: str
    redis: EmbeddedRedis = field(init=False)

    def __post_init__(self) -> None:
        self.redis = start_redis(self.redis_directory, passwords=REDIS_PASSWORDS)

    def start_redis_again(self) -> None:
        """Restart it at the address that the service knows."""
        address = self.redis.address
        self.redis = start_redis(self.redis_directory, passwords=REDIS_PASSWORDS)
        assert self.redis.address == address


@pytest.fixture(scope="module")
def servers(
    session_dir: Path, docker_host: str, tmp_path_factory: pytest.TempPathFactory, say: Say
) -> Iterator[Servers]:
    """Return durable servers of this module's own."""
    socket = tmp_path_factory.mktemp("docker") / "docker.sock"
    postgres = start_postgres(session_dir / "restarted-postgres", say)
    with Proxy(Path(docker_host.removeprefix("unix://")), listen_on=socket) as docker:
        made = Servers(postgres, session_dir / "restarted-redis", docker, f"unix://{socket}")
        yield made
    made.redis.stop()
    postgres.stop()


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment, servers: Servers) -> Environment:
    """Return a service on these servers."""
    made = new_environment(
        postgres_primary_dsn=servers.postgres.dsn(),
        redis_master_addr=servers.redis.address,
        docker_host=servers.docker_host,
        docker_timeout="3s",
        reconcile_interval="1s",
        game_lease_ttl_seconds="2",
    )
    return Environment(
        made.service, made.docker, servers.postgres.dsn(), made.network, made.state_root
    )


@pytest.fixture
def load(environment: Environment, docker_api: Any) -> Iterator[Load]:
    """Return the callers; their games' containers are removed after the test."""
    made = Load(environment, [new_game() for _ in range(GAMES)])
    yield made
    remove_games(docker_api, made.games)


def _restart_postgres(servers: Servers, _: Load) -> None:
    servers.postgres.stop()
    time.sleep(AWAY)
    servers.postgres.start()


def _crash_postgres(servers: Servers, _: Load) -> None:
    pid = int((servers.postgres.files / "data/postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)  # it ends at once and recovers from its log
    while psutil.pid_exists(pid):
        time.sleep(0.02)
    servers.postgres.start()


def _restart_redis(servers: Servers, _: Load) -> None:
    servers.redis.stop()
    time.sleep(AWAY)
    servers.start_redis_again()


def _empty_redis(servers: Servers, _: Load) -> None:
    """Kill Redis and lose all its data: every lease is gone while its operation runs."""
    process = BackgroundProcess.find(servers.redis_directory / "valkey.pid")
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    while process.is_running():
        time.sleep(0.02)
    shutil.rmtree(servers.redis_directory / "data")
    servers.start_redis_again()


def _restart_docker(servers: Servers, load: Load) -> None:
    servers.docker.refuse()
    for game in load.games:
        for container in load.environment.containers(game):
            with suppress(APIError):  # it does not run, or is being removed
                load.environment.docker.kill(container["Id"])
    time.sleep(AWAY)
    servers.docker.pass_on()


OUTAGES = {
    "Postgres restarted": _restart_postgres,
    "Postgres crashed": _crash_postgres,
    "Redis restarted": _restart_redis,
    "Redis emptied": _empty_redis,
    "Docker restarted": _restart_docker,
}


@pytest.mark.parametrize("name", OUTAGES)
def test_every_operation_ends_in_one_outcome(
    load: Load, servers: Servers, say: Say, name: str
) -> None:
    """A server goes away and comes back twice in a row; callers, log, records and Docker agree."""
    with load.running():
        for _ in range(2):
            load.wait_for_success(BACK_WITHIN)
            OUTAGES[name](servers, load)
        load.wait_for_success(BACK_WITHIN)
    say(f"{name} under load: {len(load.answers)} requests ({load.summary})")

    assert_consistent_outcomes(load, without_log=name.startswith("Postgres"))
    if name.endswith("restarted"):  # it was away for longer than a caller pauses
        assert load.was_refused
