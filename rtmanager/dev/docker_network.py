"""The user-defined network that the engines share."""

from contextlib import closing

import docker


def ensure_network(docker_host: str, name: str) -> None:
    """Create the network unless there is one of that name."""
    with closing(docker.DockerClient(base_url=docker_host)) as client:
        # The engine's filter matches parts of names, and two networks may share one name.
        if not any(network.name == name for network in client.networks.list(names=[name])):
            client.networks.create(name, driver="bridge")


def remove_network(docker_host: str, name: str) -> None:
    """Remove every network of that name; it must be empty."""
    with closing(docker.DockerClient(base_url=docker_host)) as client:
        for network in client.networks.list(names=[name]):
            if network.name == name:
                network.remove()
