"""The whole development environment: prepared with one call, stopped with another."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rtmanager.dev.demo_images import ensure_demo_images
from rtmanager.dev.directory_lock import lock_directory
from rtmanager.dev.docker_engine import ensure_engine
from rtmanager.dev.docker_network import ensure_network
from rtmanager.dev.embedded_postgres import start_postgres
from rtmanager.dev.embedded_redis import start_redis

NETWORK = "galaxy-net"
HTTP_ADDRESS = "127.0.0.1:8096"


@dataclass(frozen=True)
class DevEnvironment:
    """Everything the service needs, running."""

    environ: dict[str, str]
    _running: ExitStack = field(repr=False)

    def stop(self) -> None:
        """Stop what was started here, last first; whatever ran before is left alone."""
        self._running.close()


def prepare(data_dir: Path, echo: Callable[[str], None]) -> DevEnvironment:
    """Bring up Docker, Postgres, Redis, the network and the demo images; raise SetUpError.

    Everything is kept below data_dir and found there by the next run. What takes long is
    announced through echo.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        running.enter_context(lock_directory(data_dir))
        environ = _start_all(data_dir, echo, running)
        return DevEnvironment(environ, running.pop_all())


def _start_all(data_dir: Path, echo: Callable[[str], None], running: ExitStack) -> dict[str, str]:
    games = data_dir / "games"
    games.mkdir(exist_ok=True)
    engine = ensure_engine(data_dir, echo)
    running.callback(engine.stop)
    ensure_network(engine.host, NETWORK)
    ensure_demo_images(engine.host, echo)
    postgres = start_postgres(data_dir / "postgres", echo)
    running.callback(postgres.stop)
    redis = start_redis(data_dir / "redis")
    running.callback(redis.stop)
    return {
        "RTMANAGER_INTERNAL_HTTP_ADDR": HTTP_ADDRESS,
        "RTMANAGER_POSTGRES_PRIMARY_DSN": postgres.dsn(),
        "RTMANAGER_REDIS_MASTER_ADDR": redis.address,
        "RTMANAGER_DOCKER_HOST": engine.host,
        "RTMANAGER_DOCKER_NETWORK": NETWORK,
        "RTMANAGER_GAME_STATE_ROOT": str(games),
        "RTMANAGER_LOG_FORMAT": "console",
    }
