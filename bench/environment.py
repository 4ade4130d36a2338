"""The environment of a benchmark: its own servers, and the service as operators run it."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
from rich.console import Console

from dev.checkout import ensure_network, remove_network
from dev.demo_images import ensure_demo_images
from dev.docker_host import ensure_docker
from dev.embedded_postgres import start_postgres
from dev.embedded_redis import start_redis
from tests.support.databases import REDIS_PASSWORDS, REDIS_SETTINGS
from tests.support.docker import remove_containers
from tests.support.running_service import RunningService

console = Console(highlight=False)


@dataclass(frozen=True)
class BenchEnvironment:
    """The service, not started yet, and the address of its Redis."""

    service: RunningService
    redis_address: str


@contextmanager
def bench_environment(**settings: str) -> Iterator[BenchEnvironment]:
    """Set everything up for the block, and remove it afterwards, including containers."""
    directory = Path(tempfile.mkdtemp(prefix="galaxy-bench-"))
    # Postgres runs as another user, who must have access.
    directory.chmod(0o711)
    with ExitStack() as running:
        running.callback(shutil.rmtree, directory)
        servers = _servers(directory, running)
        chosen = {**servers, **settings}
        service = RunningService.of(chosen, directory / "service.log")
        running.callback(service.stop)
        yield BenchEnvironment(service, chosen["redis_master_addr"])


def _servers(directory: Path, running: ExitStack) -> dict[str, str]:
    """Start servers with persistence, as in production, and return the settings for them."""
    games = directory / "games"
    games.mkdir()
    host = ensure_docker(directory, console.print)
    running.callback(host.stop)
    network = f"galaxy-bench-{secrets.token_hex(4)}"
    ensure_network(host.address, network)
    running.callback(_remove_all, host.address, network)
    ensure_demo_images(host.address, console.print)
    postgres = start_postgres(directory / "postgres", console.print)
    running.callback(postgres.stop)
    redis = start_redis(directory / "redis", passwords=REDIS_PASSWORDS)
    running.callback(redis.stop)
    return {
        "postgres_primary_dsn": postgres.dsn(),
        "redis_master_addr": redis.address,
        **REDIS_SETTINGS,
        "docker_host": host.address,
        "docker_network": network,
        "game_state_root": str(games),
    }


def _remove_all(docker_host: str, network: str) -> None:
    with closing(docker.APIClient(base_url=docker_host)) as api:
        remove_containers(api, {"network": network})
    remove_network(docker_host, network)
