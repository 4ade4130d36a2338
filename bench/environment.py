"""The environment of a benchmark: its own servers, and the service as operators run it."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
from rich.console import Console

from bench.server_process import ServerProcess
from dev.checkout import ensure_network
from dev.demo_images import ensure_demo_images
from dev.docker_host import ensure_docker
from dev.embedded_postgres import start_postgres
from dev.embedded_redis import SERVICE_USER, Passwords, start_redis
from tests.support.docker import drop_network, remove_containers

console = Console(highlight=False)
if not console.is_terminal:
    console.width = 180

PASSWORDS = Passwords(developer="", service=secrets.token_hex(8))
"""A benchmark may do everything without a login; the service has the rights that it needs."""

Settings = Mapping[str, str]


@dataclass(frozen=True)
class BenchEnvironment:
    """The service, not started yet, with its servers and its settings."""

    service: ServerProcess
    settings: Settings
    directory: Path
    _running: ExitStack

    @property
    def dsn(self) -> str:
        """The connection string of the database."""
        return self.settings["postgres_primary_dsn"]

    @property
    def redis_address(self) -> str:
        """Host and port of Redis."""
        return self.settings["redis_master_addr"]

    def peer(self, name: str, module: Sequence[str]) -> ServerProcess:
        """Start a server that does the same on the same database; it ends with the environment."""
        variables = {"BENCH_DSN": self.dsn}
        process = ServerProcess(name, module, variables, self.directory / f"{name}.log")
        self._running.callback(process.stop)
        process.start()
        return process


@contextmanager
def bench_environment(
    docker_host: str | None = None, **settings: str
) -> Iterator[BenchEnvironment]:
    """Set everything up for the block, and remove it afterwards, including containers.

    With an address of Docker, that one is used as it is, for instance a fake.
    """
    directory = Path(tempfile.mkdtemp(prefix="galaxy-bench-"))
    # Postgres runs as another user, who must have access.
    directory.chmod(0o711)
    with ExitStack() as running:
        running.callback(shutil.rmtree, directory)
        hosts = {"docker_host": docker_host} if docker_host else _docker(directory, running)
        chosen = {**_databases(directory, running), **hosts, **settings}
        service = _service(chosen, directory / "service.log")
        running.callback(service.stop)
        yield BenchEnvironment(service, chosen, directory, running)


def _service(settings: Settings, log_file: Path) -> ServerProcess:
    variables = {f"RTMANAGER_{name.upper()}": value for name, value in settings.items()}
    variables["RTMANAGER_INTERNAL_HTTP_ADDR"] = "127.0.0.1:{port}"
    return ServerProcess("service", ("rtmanager", "serve"), variables, log_file)


def _databases(directory: Path, running: ExitStack) -> dict[str, str]:
    """Start servers with persistence, as in production, and return the settings for them."""
    games = directory / "games"
    games.mkdir()
    postgres = start_postgres(directory / "postgres", console.print)
    running.callback(postgres.stop)
    redis = start_redis(directory / "redis", passwords=PASSWORDS)
    running.callback(redis.stop)
    return {
        "postgres_primary_dsn": postgres.dsn(),
        "redis_master_addr": redis.address,
        "redis_username": SERVICE_USER,
        "redis_password": PASSWORDS.service,
        "game_state_root": str(games),
    }


def _docker(directory: Path, running: ExitStack) -> dict[str, str]:
    """Return the settings for the machine's Docker, with a network of the benchmark's own."""
    host = ensure_docker(directory, console.print)
    running.callback(host.stop)
    network = f"galaxy-bench-{secrets.token_hex(4)}"
    ensure_network(host.address, network)
    running.callback(_remove_all, host.address, network)
    ensure_demo_images(host.address, console.print)
    return {"docker_host": host.address, "docker_network": network}


def _remove_all(docker_host: str, network: str) -> None:
    with closing(docker.APIClient(base_url=docker_host)) as api:
        remove_containers(api, {"network": network})
    drop_network(docker_host, network)
