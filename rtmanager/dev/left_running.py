"""What lives on when a development environment ends, and how to stop it."""

from collections.abc import Callable, Sequence
from contextlib import closing

import docker
from docker.errors import DockerException

from rtmanager.dev.background_process import BackgroundProcess
from rtmanager.dev.checkout import Checkout, engines_on

SHOWN_NAMES = 5


def tell_of_engines(
    docker_host: str, network: str, checkout: Checkout, echo: Callable[[str], None]
) -> None:
    """Tell which engines of the checkout run on, if any."""
    try:
        running = _running_engines(docker_host, network, checkout)
    except (OSError, DockerException) as fault:
        echo(f"Docker does not tell which engines run on: {fault}")
        return
    if running:
        echo(f"Engines that run on, and that the next `make run` finds: {_listed(running)}.")


def tell_of_dockerd(dockerd: BackgroundProcess, echo: Callable[[str], None]) -> None:
    """Tell that the dockerd that was started here runs on, and how it is stopped."""
    if dockerd.is_running():
        echo(
            f"dockerd (pid {dockerd.pid}), which was started here, runs on; `make stop-docker` "
            f"or `kill {dockerd.pid}` stops it, and every engine with it."
        )


def _running_engines(docker_host: str, network: str, checkout: Checkout) -> Sequence[str]:
    with closing(docker.APIClient(base_url=docker_host, timeout=5)) as client:
        return sorted(
            engine["Names"][0].removeprefix("/")
            for engine in engines_on(client, network)
            if engine["State"] == "running" and checkout.owns(engine)
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
