"""The complete development environment, prepared and stopped with one call each."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from docker.errors import DockerException

from dev import SetUpError
from dev.background_process import BackgroundProcess
from dev.checkout import Checkout, ensure_checkout_network, running_engines
from dev.demo_images import ensure_demo_images
from dev.docker_host import DockerUse, ensure_docker
from dev.embedded_postgres import start_postgres
from dev.embedded_redis import SERVICE_USER, start_redis
from dev.free_port import is_free, next_free_port
from dev.locks import directory_lock

HTTP_PORT = 8096
SHOWN_NAMES = 5
_REDIS_LOGIN = ("RTMANAGER_REDIS_USERNAME", "RTMANAGER_REDIS_PASSWORD")


@dataclass(frozen=True)
class DevEnvironment:
    """Everything the service needs, running."""

    environ: dict[str, str] = field(repr=False)
    _running: ExitStack = field(repr=False)

    def stop(self) -> None:
        """Stop the databases in reverse order, and report what keeps running."""
        self._running.close()


def prepare(data_dir: Path, echo: Callable[[str], None]) -> DevEnvironment:
    """Bring up Docker, Postgres, Redis, the network and the demo images; raise SetUpError.

    Everything is kept below `data_dir` and found there by the next run. Slow steps are announced
    through `echo`.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        running.enter_context(directory_lock(data_dir))
        require_free_address()
        environ = _start_all(data_dir, echo, running)
        return DevEnvironment(environ, running.pop_all())


def _start_all(data_dir: Path, echo: Callable[[str], None], running: ExitStack) -> dict[str, str]:
    games = data_dir / "games"
    games.mkdir(mode=0o700, exist_ok=True)
    checkout = Checkout(data_dir, Path(_set_by_user("GAME_STATE_ROOT") or games))
    running.callback(DockerUse().end, echo)
    host = ensure_docker(data_dir, echo)
    if host.process is not None:
        # Reported but not stopped: every engine would stop with it, and stay stopped.
        running.callback(report_dockerd, host.process, echo)
    network = _set_by_user("DOCKER_NETWORK") or ensure_checkout_network(
        host.address, checkout, echo
    )
    running.callback(report_engines, host.address, network, checkout, echo)
    ensure_demo_images(host.address, echo)
    postgres = start_postgres(data_dir / "postgres", echo)
    running.callback(postgres.stop)
    redis = start_redis(data_dir / "redis")
    running.callback(redis.stop)
    return {
        "RTMANAGER_INTERNAL_HTTP_ADDR": f"127.0.0.1:{HTTP_PORT}",
        "RTMANAGER_POSTGRES_PRIMARY_DSN": postgres.dsn(),
        "RTMANAGER_REDIS_MASTER_ADDR": redis.address,
        "RTMANAGER_REDIS_USERNAME": SERVICE_USER,
        "RTMANAGER_REDIS_PASSWORD": redis.passwords.service,
        "RTMANAGER_DOCKER_HOST": host.address,
        "RTMANAGER_DOCKER_NETWORK": network,
        "RTMANAGER_GAME_STATE_ROOT": str(games),
        "RTMANAGER_LOG_FORMAT": "console",
    }


def require_free_address() -> None:
    """Refuse a port in use before anything is started, unless the user chose another address."""
    if not _set_by_user("INTERNAL_HTTP_ADDR") and not is_free(HTTP_PORT):
        other = f"RTMANAGER_INTERNAL_HTTP_ADDR=127.0.0.1:{next_free_port(HTTP_PORT)}"
        raise SetUpError(
            f"cannot listen on 127.0.0.1:{HTTP_PORT}: Address already in use; stop what "
            f"uses it (maybe `make run` of another checkout), or use another port: {other} make run"
        )


def overridden(prepared: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return what is prepared with what the user chose instead.

    A secret may be chosen by its file. The login belongs to the prepared server: another one must
    not be sent it.
    """
    names = {name.removesuffix("_FILE") for name in chosen}
    if names & {"RTMANAGER_REDIS_MASTER_ADDR", *_REDIS_LOGIN}:
        names.update(_REDIS_LOGIN)
    return {name: prepared[name] for name in prepared if name not in names} | dict(chosen)


def _set_by_user(setting: str) -> str:
    """Return the value of a variable that overrides what is prepared; an empty one is unset."""
    return os.environ.get(f"RTMANAGER_{setting}", "").strip()


def report_engines(
    docker_host: str, network: str, checkout: Checkout, echo: Callable[[str], None]
) -> None:
    """Report which engines of the checkout keep running, if any."""
    try:
        running = running_engines(docker_host, network, checkout)
    except (OSError, DockerException) as fault:
        echo(f"Docker does not report which engines keep running: {fault}")
        return
    if running:
        more = len(running) - SHOWN_NAMES
        names = ", ".join(running[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
        echo(f"Engines that keep running for the next `make run`: {names}.")


def report_dockerd(dockerd: BackgroundProcess, echo: Callable[[str], None]) -> None:
    """Report that the dockerd that was started here keeps running, and how to stop it."""
    if dockerd.is_running():
        echo(
            f"dockerd (pid {dockerd.pid}), which was started here, keeps running; "
            f"`make stop-docker` or `kill {dockerd.pid}` stops it, and every engine with it."
        )
