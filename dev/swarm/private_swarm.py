"""A Swarm of one node for test runs: started by the first that needs it, removed without a trace.

It has no link to any network, so nothing of it can clash with another one. What has to be reached
from there is relayed (`dev.swarm.relay`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from dev.demo_images import REPOSITORY
from dev.docker_host import mount_cgroups
from dev.swarm.machine import Machine
from dev.swarm.node import Node, copy_images
from dev.swarm.store import claim, remove

NODE = "node1"
ADDRESS = "10.78.0.11"


@dataclass(frozen=True)
class PrivateSwarm:
    """A Swarm in a directory of its own; it belongs to one process, and is removed after it."""

    directory: Path

    @property
    def node(self) -> Node:
        """Its only node, a manager."""
        return Node.of(self.directory, NODE, ADDRESS)

    @property
    def docker_host(self) -> str:
        """The address at which processes in any network namespace of this machine reach it."""
        return self.node.docker_host

    def ensure(self, owner: int, image_source: str, echo: Callable[[str], None]) -> None:
        """Start it for the process `owner`, with the demo images of a Docker host.

        No-op when it runs, in whichever process it was started. Waits while another starts it.
        """
        claim(self.directory, owner)
        with FileLock(self.directory / "lock"):
            if not self.node.machine.is_on:
                self._start(image_source, echo)

    def remove(self) -> None:
        """End everything that runs on it and delete its data; no-op when there is none."""
        remove(self.directory)

    def _start(self, image_source: str, echo: Callable[[str], None]) -> None:
        mount_cgroups(echo)
        self.node.start(_on_its_own, echo)
        self.node.init_swarm()
        copy_images(image_source, self.docker_host, REPOSITORY)


def _on_its_own(machine: Machine) -> None:
    """Give it an address, which a Swarm wants to have, on a bridge that leads nowhere."""
    machine.ip("link add eth0 type bridge")
    machine.ip(f"address add {machine.address}/24 dev eth0")
    machine.ip("link set eth0 up")
