"""The network of a checkout's engines: galaxy-net, or its own where that is another's."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import docker
from docker.errors import DockerException

from rtmanager.dev.checkout import CHECKOUT_LABEL, Checkout, engines_on, state_paths
from rtmanager.dev.docker_network import ensure_network, networks_named
from rtmanager.dev.errors import SetUpError

NETWORK = "galaxy-net"


def ensure_checkout_network(
    docker_host: str, checkout: Checkout, echo: Callable[[str], None], *, preferred: str = NETWORK
) -> str:
    """Return the network of the checkout's engines, created if need be; raise SetUpError.

    It is the preferred one unless another checkout or installation uses that; then it is one of
    this checkout's own. The choice is kept, because engines stay on the network they were made for.
    """
    remembered = checkout.directory / "network"
    candidates = [remembered.read_text().strip()] if remembered.is_file() else []
    try:
        with closing(docker.APIClient(base_url=docker_host)) as client:
            network = _choose(client, checkout, [*candidates, preferred], echo)
        ensure_network(docker_host, network, checkout.labels)
    except DockerException as error:
        raise SetUpError(f"Docker refuses the network of the engines: {error}") from error
    remembered.write_text(f"{network}\n")
    return network


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
    """Yield the directories of others that use the network; one that is gone claims nothing."""
    made_for = [
        Path(labels[CHECKOUT_LABEL])
        for labels in (found["Labels"] or {} for found in networks_named(client, network))
        if CHECKOUT_LABEL in labels
    ]
    if checkout.directory in made_for:
        return
    yield from filter(_is_there, made_for)
    engines = engines_on(client, network)
    # On a network that nobody was named on, whoever has engines may stay.
    if not any(checkout.owns(engine) for engine in engines):
        state_roots = (path.parent for engine in engines for path in state_paths(engine))
        yield from filter(_is_there, state_roots)


def _is_there(directory: Path) -> bool:
    try:
        directory.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # closed to us, so somebody else's
    return True
