"""Several checkouts on one Docker host."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from dev.checkout import Checkout, ensure_checkout_network, networks_named
from tests.support.run import run_name

StartEngine = Callable[[str, Checkout], str]
"""Starts an engine of a checkout on a network, as the service does; returns its name."""

LABELS = {"com.galaxy.owner": "rtmanager", "com.galaxy.kind": "game-engine"}


@pytest.fixture
def printed() -> list[str]:
    """Return the lines that were printed for the user."""
    return []


def make_checkout(directory: Path) -> Checkout:
    """Create a data directory as `make run` does."""
    (directory / "games").mkdir(parents=True)
    return Checkout(directory, directory / "games")


@pytest.fixture
def first(tmp_path: Path) -> Checkout:
    """Return a checkout."""
    return make_checkout(tmp_path / "first")


@pytest.fixture
def second(tmp_path: Path) -> Checkout:
    """Return another checkout on the same machine."""
    return make_checkout(tmp_path / "second")


@pytest.fixture
def client(docker_host: str) -> Iterator[docker.APIClient]:
    """Return a client of the real Docker host."""
    with closing(docker.APIClient(base_url=docker_host)) as client:
        yield client


@pytest.fixture
def preferred(client: docker.APIClient) -> Iterator[str]:
    """Return a name in place of galaxy-net; networks that begin with it are removed."""
    name = f"{run_name()}-{secrets.token_hex(4)}"
    yield name
    for network in client.networks(names=[name]):
        client.remove_network(network["Id"])


@dataclass
class Machine:
    """The real Docker host as `make run` of several checkouts sees it."""

    docker_host: str
    client: docker.APIClient
    preferred: str
    printed: list[str]

    def run_in(self, checkout: Checkout) -> str:
        """Return the network that `make run` in the checkout uses."""
        return ensure_checkout_network(
            self.docker_host, checkout, self.printed.append, preferred=self.preferred
        )


@pytest.fixture
def machine(
    docker_host: str, client: docker.APIClient, preferred: str, printed: list[str]
) -> Machine:
    """Return a machine without the preferred network."""
    return Machine(docker_host, client, preferred, printed)


@pytest.fixture
def start_engine(machine: Machine, demo_images: list[str]) -> Iterator[StartEngine]:
    """Return a function that starts engines; they are removed before their network."""
    client = machine.client
    started: list[str] = []

    def start(network: str, checkout: Checkout) -> str:
        name = f"galaxy-game-{secrets.token_hex(4)}"
        (checkout.state_root / name).mkdir()
        client.create_container(
            demo_images[0],
            name=name,
            labels=LABELS,
            host_config=client.create_host_config(
                network_mode=network,
                binds={str(checkout.state_root / name): {"bind": "/var/lib/galaxy-game"}},
            ),
        )
        started.append(name)
        client.start(name)
        return name

    yield start
    for name in started:
        client.remove_container(name, force=True, v=True)


def labels_of(client: docker.APIClient, network: str) -> dict[str, str]:
    """Return the labels of the one network of that name."""
    (found,) = networks_named(client, network)
    labels: dict[str, str] = found["Labels"]
    return labels
