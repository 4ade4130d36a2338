"""The Docker host, a network of this session's own, and the demo images."""

import secrets
import time
from collections.abc import Iterator
from contextlib import closing

import docker
import pytest
from docker.errors import APIError

from dev.checkout import ensure_network, remove_network
from dev.demo_images import ensure_demo_images
from tests.services.run import run_name
from tests.services.session import Say
from tests.services.whole_run import start_docker

DROP_TRIES = 5


@pytest.fixture(scope="session")
def docker_host(say: Say) -> str:
    """Return the address of a Docker host, started for this run if there was none."""
    return start_docker(say)


@pytest.fixture(scope="session")
def docker_network(docker_host: str) -> Iterator[str]:
    """Return the name of a network; at the end it goes with every container on it."""
    name = f"{run_name()}-{secrets.token_hex(4)}"
    ensure_network(docker_host, name)
    yield name
    _remove_containers(docker_host, name)
    drop_network(docker_host, name)


@pytest.fixture(scope="session")
def demo_images(docker_host: str, say: Say) -> list[str]:
    """Return the references of all demo images; they exist."""
    return ensure_demo_images(docker_host, say)


def drop_network(docker_host: str, name: str) -> None:
    """Remove the network when Docker lets us; one that it keeps is empty and does no harm.

    Docker may count endpoints of containers that are gone, for a moment or for good.
    """
    for _ in range(DROP_TRIES):
        try:
            remove_network(docker_host, name)
        except APIError:
            time.sleep(1)
        else:
            return


def _remove_containers(docker_host: str, network: str) -> None:
    with closing(docker.APIClient(base_url=docker_host)) as client:
        for container in client.containers(all=True, filters={"network": network}):
            client.remove_container(container["Id"], force=True, v=True)
