"""`make swarm`: a Swarm of three nodes, the databases, and a seat for a service on each node."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
import psycopg
from docker.errors import DockerException
from psycopg import sql

from dev import SetUpError
from dev.checkout import ENGINE_LABEL, NETWORK, Checkout
from dev.docker_host import DEFAULT_ADDRESS, why_unreachable
from dev.embedded_postgres import EmbeddedPostgres, start_postgres
from dev.embedded_redis import SERVICE_USER, start_redis
from dev.environment import HTTP_PORT, require_free_address
from dev.locks import directory_lock
from dev.swarm.cluster import ENGINES, Cluster
from dev.swarm.node import ensure_overlay
from dev.swarm.seat import Seat
from dev.swarm.store import STORE
from dev.swarm.switch import REGISTRY

DATABASE = "swarm"
"""Not the one of `make run`: its records are about containers of another Docker."""


@dataclass(frozen=True)
class SwarmEnvironment:
    """Everything that several Runtime Managers need, running."""

    cluster: Cluster
    seats: Sequence[Seat]
    environ: dict[str, str] = field(repr=False)
    needed_ports: Sequence[int]


def cluster_of(data_dir: Path) -> Cluster:
    """Return the Swarm of a data directory, running or not."""
    return Cluster(STORE / f"checkout-{_checkout(data_dir.resolve()).short_hash}")


@contextmanager
def prepared(data_dir: Path, echo: Callable[[str], None]) -> Iterator[SwarmEnvironment]:
    """Bring up the Swarm, Postgres and Redis for the block; raise SetUpError.

    The Swarm keeps running afterwards, and the games on it. Slow steps are announced.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        running.enter_context(directory_lock(data_dir))
        require_free_address()
        _require_no_engines(_checkout(data_dir))
        yield _start_all(data_dir, echo, running)


def remove(data_dir: Path, echo: Callable[[str], None]) -> None:
    """End the Swarm of the directory with every game on it; their states and records stay."""
    cluster = cluster_of(data_dir)
    if not cluster.directory.exists():
        echo("No Swarm that `make swarm` started here is there.")
        return
    with directory_lock(data_dir.resolve()):
        echo("Removing the Swarm and with it every engine ...")
        cluster.remove()


def _start_all(data_dir: Path, echo: Callable[[str], None], running: ExitStack) -> SwarmEnvironment:
    games = data_dir / "games"
    games.mkdir(mode=0o700, exist_ok=True)
    cluster = cluster_of(data_dir)
    cluster.start(echo)
    ensure_overlay(cluster.nodes[0], NETWORK, ENGINES)
    seats = [Seat.on(node, NETWORK, f"seat-on-{node.name}") for node in cluster.nodes]
    postgres = start_postgres(data_dir / "postgres", echo)
    running.callback(postgres.stop)
    _ensure_database(postgres)
    redis = start_redis(data_dir / "redis")
    running.callback(redis.stop)
    environ = {
        "RTMANAGER_INTERNAL_HTTP_ADDR": f"127.0.0.1:{HTTP_PORT}",
        "RTMANAGER_POSTGRES_PRIMARY_DSN": postgres.dsn(DATABASE),
        "RTMANAGER_REDIS_MASTER_ADDR": redis.address,
        "RTMANAGER_REDIS_USERNAME": SERVICE_USER,
        "RTMANAGER_REDIS_PASSWORD": redis.passwords.service,
        "RTMANAGER_PLATFORM": "swarm",
        "RTMANAGER_DOCKER_HOST": ",".join(cluster.docker_hosts),
        "RTMANAGER_DOCKER_NETWORK": NETWORK,
        # A restart takes 5 s on a Swarm, which waits for 3 s before it ends an engine.
        "RTMANAGER_GAME_LEASE_WAIT": "20s",
        "RTMANAGER_GAME_STATE_ROOT": str(games),
        "RTMANAGER_LOG_FORMAT": "console",
    }
    echo(
        f"The Swarm has {cluster.size} nodes and a registry, {REGISTRY} for all of them.\n"
        f"Its first manager for the command `docker`: DOCKER_HOST={cluster.nodes[0].docker_host}"
    )
    return SwarmEnvironment(cluster, seats, environ, [postgres.port, redis.port])


def _checkout(data_dir: Path) -> Checkout:
    return Checkout(data_dir, data_dir / "games")


def _require_no_engines(checkout: Checkout) -> None:
    """Refuse while engines of `make run` can write the same states."""
    if why_unreachable(DEFAULT_ADDRESS) is not None:
        return
    try:
        with closing(docker.APIClient(base_url=DEFAULT_ADDRESS)) as client:
            engines = client.containers(filters={"label": ENGINE_LABEL})
    except DockerException as fault:
        raise SetUpError(f"Docker does not say which engines it runs: {fault}") from fault
    if ours := [each["Names"][0].removeprefix("/") for each in engines if checkout.owns(each)]:
        raise SetUpError(
            f"engines of `make run` are running here, {ours[0]} for one: stop the games, "
            "or use another directory: .venv/bin/python -m dev --data-dir DIRECTORY swarm"
        )


def _ensure_database(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if found.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
