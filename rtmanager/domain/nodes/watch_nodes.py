"""Noticing nodes that are down and nodes that are back."""

from dataclasses import dataclass

from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.container_host import ContainerHost


@dataclass(slots=True, kw_only=True)
class WatchNodes:
    """Marks the nodes that go down, and takes the marks away when nothing is left of an outage."""

    nodes: ClusterNodes
    host: ContainerHost
    clock: Clock

    async def run(self) -> str:
        """Look at the nodes once and return what was noticed; empty when nothing was."""
        return ""
