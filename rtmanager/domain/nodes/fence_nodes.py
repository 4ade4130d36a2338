"""Asking the fence command about nodes that stay down."""

from dataclasses import dataclass

from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.fencing import Fencing


@dataclass(slots=True, kw_only=True)
class FenceNodes:
    """Marks a node that is down as off when the fence command says so."""

    nodes: ClusterNodes
    host: ContainerHost
    fencing: Fencing
    clock: Clock

    async def run(self) -> str:
        """Ask about the nodes that need it and return what was answered; empty when none did."""
        return ""
