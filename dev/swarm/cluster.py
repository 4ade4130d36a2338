"""A Swarm of several nodes on this machine, with what can happen to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.demo_images import REPOSITORY, ensure_demo_images
from dev.docker_host import mount_cgroups
from dev.swarm.node import Node, copy_images
from dev.swarm.store import claim, remove
from dev.swarm.switch import NETWORK, Switch

SIZE = 3
API_PORT = 2375
ENGINES = "10.79.0.0/16"
"""Addresses for the network of the engines, many more than it has by default."""


@dataclass(frozen=True)
class Cluster:
    """The nodes of a Swarm in one directory; the first `managers` of them are its managers.

    With an `owner` it may be removed once that process has ended. With `is_tcp` each node is also
    reached by TCP, by engines too: only for tests. Whoever talks to a node that is lost then waits
    in vain, as in life.
    """

    directory: Path
    size: int = SIZE
    managers: int = SIZE
    owner: int | None = None
    is_tcp: bool = False

    @property
    def nodes(self) -> Sequence[Node]:
        """All nodes, running or not."""
        return [
            Node.of(self.directory, f"node{number}", f"10.78.0.{10 + number}")
            for number in range(1, self.size + 1)
        ]

    @property
    def switch(self) -> Switch:
        """What connects them."""
        return Switch.of(self.directory)

    @property
    def docker_hosts(self) -> Sequence[str]:
        """The addresses of the managers, for a service on a seat."""
        managers = self.nodes[: self.managers]
        if self.is_tcp:
            return [f"tcp://{node.machine.address}:{API_PORT}" for node in managers]
        return [node.docker_host for node in managers]

    @property
    def is_on(self) -> bool:
        """Return whether any node runs."""
        return any(node.machine.is_on for node in self.nodes)

    def start(self, echo: Callable[[str], None]) -> None:
        """Start what is off, with the demo images on every node; raise SetUpError."""
        if self.owner is not None:
            claim(self.directory, self.owner)
        mount_cgroups(echo)
        self.switch.start(echo)
        for node in self.nodes:
            if not node.machine.is_on:
                echo(f"Starting {node.name} of the Swarm ...")
                self.boot(node, echo)
            self._ensure_member(node)
        first, *others = (node.docker_host for node in self.nodes)
        ensure_demo_images(first, echo)
        for other in others:
            copy_images(first, other, REPOSITORY)

    def boot(self, node: Node, echo: Callable[[str], None]) -> None:
        """Start a node that is off; of the Swarm it is what it was."""
        listen = ["--host", f"tcp://{node.machine.address}:{API_PORT}", "--tls=false"]
        options = [*(listen if self.is_tcp else ()), "--insecure-registry", NETWORK]
        node.start(self.switch.connect, echo, *options)

    def power_off(self, node: Node) -> None:
        """End a node with everything that runs on it, at once."""
        node.machine.power_off()

    def cut_off(self, node: Node) -> None:
        """Cut a node off from the others; it runs on, with everything on it."""
        self.switch.cut(node.machine)

    def rejoin(self, node: Node) -> None:
        """Connect a node again that was cut off."""
        self.switch.rejoin(node.machine)

    def remove(self) -> None:
        """End all, with every engine, and delete their data; no-op when there is none."""
        remove(self.directory)

    def _ensure_member(self, node: Node) -> None:
        with node.api() as api:
            if api.info()["Swarm"]["LocalNodeState"] != "inactive":
                return
        first = self.nodes[0]
        if node == first:
            node.init_swarm()
        else:
            node.join(first, is_manager=node in self.nodes[: self.managers])
