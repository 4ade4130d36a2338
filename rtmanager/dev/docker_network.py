"""The user-defined network that the engines share."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import docker


def networks_named(client: docker.APIClient, name: str) -> Sequence[Mapping[str, Any]]:
    """Return the networks of exactly that name: Docker's filter matches parts of names."""
    return [network for network in client.networks(names=[name]) if network["Name"] == name]


def ensure_network(docker_host: str, name: str, labels: Mapping[str, str] | None = None) -> None:
    """Create the network unless there is one of that name."""
    with closing(docker.APIClient(base_url=docker_host)) as client:
        if not networks_named(client, name):
            # Unchecked, two that create it at the same moment get a network each.
            client.create_network(
                name, driver="bridge", check_duplicate=True, labels=dict(labels or {})
            )


def remove_network(docker_host: str, name: str) -> None:
    """Remove every network of that name; it must be empty."""
    with closing(docker.APIClient(base_url=docker_host)) as client:
        for network in networks_named(client, name):
            client.remove_network(network["Id"])
