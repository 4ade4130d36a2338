"""What belongs to one checkout on a shared Docker host: its engines and their network."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from dev import SetUpError

NETWORK = "galaxy-net"
CHECKOUT_LABEL = "com.galaxy.checkout"
# The service's container labels; this package must not import the domain.
ENGINE_LABEL = "com.galaxy.owner=rtmanager"

Container = Mapping[str, Any]
"""A container as Docker lists it."""


@dataclass(frozen=True)
class Checkout:
    """One checkout: the directories of its data and of its games' states."""

    directory: Path
    state_root: Path

    @property
    def labels(self) -> dict[str, str]:
        """The labels of a network created for this checkout."""
        return {CHECKOUT_LABEL: str(self.directory)}

    @property
    def short_hash(self) -> str:
        """A hash that distinguishes its names from other checkouts', the same in each run."""
        return hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]

    def owns(self, container: Container) -> bool:
        """Return whether the container is an engine of this checkout: its state is here.

        Below the data directory too: the state root may have been another one in an earlier run.
        """
        roots = [root.resolve() for root in (self.state_root, self.directory)]
        paths = [path.resolve() for path in _state_paths(container)]
        return any(path.is_relative_to(root) for path in paths for root in roots)


def ensure_checkout_network(
    docker_host: str, checkout: Checkout, echo: Callable[[str], None], *, preferred: str = NETWORK
) -> str:
    """Return the network of the checkout's engines, creating it if needed; raise SetUpError.

    It is the preferred one unless another checkout or installation uses that; then it is one named
    after this checkout. The choice is kept, because engines stay on their network.
    """
    remembered = checkout.directory / "network"
    candidates = [remembered.read_text().strip()] if remembered.is_file() else []
    try:
        with closing(docker.APIClient(base_url=docker_host)) as client:
            network = _choose(client, checkout, [*candidates, preferred], echo)
        ensure_network(docker_host, network, checkout.labels)
    except DockerException as error:
        raise SetUpError(f"Docker cannot create the network of the engines: {error}") from error
    remembered.write_text(f"{network}\n")
    return network


def running_engines(docker_host: str, network: str, checkout: Checkout) -> Sequence[str]:
    """Return the names of the checkout's running engines on the network."""
    with closing(docker.APIClient(base_url=docker_host, timeout=5)) as client:
        return sorted(
            engine["Names"][0].removeprefix("/")
            for engine in _engines_on(client, network)
            if engine["State"] == "running" and checkout.owns(engine)
        )


def networks_named(client: docker.APIClient, name: str) -> Sequence[Mapping[str, Any]]:
    """Return the networks of exactly that name: Docker's filter also matches parts of names."""
    return [network for network in client.networks(names=[name]) if network["Name"] == name]


def ensure_network(docker_host: str, name: str, labels: Mapping[str, str] | None = None) -> None:
    """Create the network unless there is one of that name."""
    with closing(docker.APIClient(base_url=docker_host)) as client:
        if not networks_named(client, name):
            # Without this check, two concurrent calls would create two networks of that name.
            client.create_network(
                name, driver="bridge", check_duplicate=True, labels=dict(labels or {})
            )


def remove_network(docker_host: str, name: str) -> None:
    """Remove every network of that name; it must be empty."""
    with closing(docker.APIClient(base_url=docker_host)) as client:
        for network in networks_named(client, name):
            client.remove_network(network["Id"])


def _choose(
    client: docker.APIClient,
    checkout: Checkout,
    candidates: list[str],
    echo: Callable[[str], None],
) -> str:
    for network in candidates:
        others = next(_others(client, network, checkout), None)
        if others is None:
            return network
    own = f"{network}-{checkout.short_hash}"
    echo(f"The network {network} belongs to {others}: this checkout's engines run on {own}.")
    return own


def _others(client: docker.APIClient, network: str, checkout: Checkout) -> Iterator[Path]:
    """Yield the existing directories of others that use the network."""
    made_for = [
        Path(labels[CHECKOUT_LABEL])
        for labels in (found["Labels"] or {} for found in networks_named(client, network))
        if CHECKOUT_LABEL in labels
    ]
    if checkout.directory in made_for:
        return
    yield from filter(_is_there, made_for)
    engines = _engines_on(client, network)
    # On a network that names no checkout, one that has engines may stay.
    if not any(checkout.owns(engine) for engine in engines):
        state_roots = (path.parent for engine in engines for path in _state_paths(engine))
        yield from filter(_is_there, state_roots)


def _engines_on(client: docker.APIClient, network: str) -> Sequence[Container]:
    """Return the engines on a network, including stopped ones and those of other checkouts."""
    engines: Sequence[Container] = client.containers(
        all=True, filters={"network": network, "label": ENGINE_LABEL}
    )
    return engines


def _state_paths(container: Container) -> Sequence[Path]:
    """Return the host directories mounted into a container."""
    return [Path(mount["Source"]) for mount in container["Mounts"] if mount["Type"] == "bind"]


def _is_there(directory: Path) -> bool:
    try:
        directory.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # not accessible, so someone else's
    return True
