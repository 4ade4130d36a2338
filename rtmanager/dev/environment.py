"""The whole development environment: prepared with one call, stopped with another."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rtmanager.dev.checkout import Checkout
from rtmanager.dev.checkout_network import ensure_checkout_network
from rtmanager.dev.demo_images import ensure_demo_images
from rtmanager.dev.directory_lock import lock_directory
from rtmanager.dev.docker_engine import ensure_engine
from rtmanager.dev.docker_use import DockerUse
from rtmanager.dev.embedded_postgres import start_postgres
from rtmanager.dev.embedded_redis import start_redis
from rtmanager.dev.errors import SetUpError
from rtmanager.dev.free_port import is_free, next_free_port
from rtmanager.dev.left_running import tell_of_dockerd, tell_of_engines

HTTP_PORT = 8096


@dataclass(frozen=True)
class DevEnvironment:
    """Everything the service needs, running."""

    environ: dict[str, str]
    _running: ExitStack = field(repr=False)

    def stop(self) -> None:
        """Stop the databases, last first, and tell what runs on: Docker and the engines."""
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
        _require_free_address()
        environ = _start_all(data_dir, echo, running)
        return DevEnvironment(environ, running.pop_all())


def _require_free_address() -> None:
    """Refuse a taken port before anything is started, unless the user chose another address."""
    if not _set_by_user("INTERNAL_HTTP_ADDR") and not is_free(HTTP_PORT):
        other = f"RTMANAGER_INTERNAL_HTTP_ADDR=127.0.0.1:{next_free_port(HTTP_PORT)}"
        raise SetUpError(
            f"cannot listen on 127.0.0.1:{HTTP_PORT}: Address already in use; end what holds it, "
            f"`make run` of another checkout perhaps, or run beside it: {other} make run"
        )


def _start_all(data_dir: Path, echo: Callable[[str], None], running: ExitStack) -> dict[str, str]:
    games = data_dir / "games"
    games.mkdir(exist_ok=True)
    checkout = Checkout(data_dir, Path(_set_by_user("GAME_STATE_ROOT") or games))
    running.callback(DockerUse().end, echo)
    engine = ensure_engine(data_dir, echo)
    if engine.process is not None:
        # Told, not stopped: every engine would stop with it, and stay stopped.
        running.callback(tell_of_dockerd, engine.process, echo)
    network = _set_by_user("DOCKER_NETWORK") or ensure_checkout_network(engine.host, checkout, echo)
    running.callback(tell_of_engines, engine.host, network, checkout, echo)
    ensure_demo_images(engine.host, echo)
    postgres = start_postgres(data_dir / "postgres", echo)
    running.callback(postgres.stop)
    redis = start_redis(data_dir / "redis")
    running.callback(redis.stop)
    return {
        "RTMANAGER_INTERNAL_HTTP_ADDR": f"127.0.0.1:{HTTP_PORT}",
        "RTMANAGER_POSTGRES_PRIMARY_DSN": postgres.dsn(),
        "RTMANAGER_REDIS_MASTER_ADDR": redis.address,
        "RTMANAGER_DOCKER_HOST": engine.host,
        "RTMANAGER_DOCKER_NETWORK": network,
        "RTMANAGER_GAME_STATE_ROOT": str(games),
        "RTMANAGER_LOG_FORMAT": "console",
    }


def _set_by_user(setting: str) -> str:
    """Return the value of a variable that wins over what is prepared; an empty one is not set."""
    return os.environ.get(f"RTMANAGER_{setting}", "").strip()
