"""The seat of a Runtime Manager: a plain container on the engines' network.

Engines are reached from there and from nowhere else, neither from this machine nor from their node.
A process that enters its network namespace (`python -m dev.swarm.enter`) is otherwise one of this
machine.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from docker.errors import NotFound

from dev.demo_images import REPOSITORY, VARIANTS
from dev.swarm.node import Node


@dataclass(frozen=True)
class Seat:
    """A container that does nothing; `namespace` is where engines can be reached."""

    node: Node
    name: str
    namespace: Path

    @classmethod
    def on(cls, node: Node, network: str, name: str) -> "Seat":
        """Attach a new one to an overlay network; an earlier one of this name is replaced."""
        image = f"{REPOSITORY}:{VARIANTS[0].tag}"
        with node.api() as api:
            with suppress(NotFound):
                api.remove_container(name, force=True)
            host = api.create_host_config(network_mode=network, init=True)
            api.create_container(image, ["sleep", "2147483"], name=name, host_config=host)
            api.start(name)
            sandbox = api.inspect_container(name)["NetworkSettings"]["SandboxKey"]
        return cls(node, name, node.machine.path(sandbox))

    def remove(self) -> None:
        """Remove it; no-op when it is gone."""
        with self.node.api() as api, suppress(NotFound):
            api.remove_container(self.name, force=True)
