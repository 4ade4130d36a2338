"""What operators see of the nodes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.node import Node, NodeId
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.container_host import ContainerHost


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A node and the games whose engines run on it, or may: ordered, without the stopped ones."""

    node: Node
    games: Sequence[GameId]


@dataclass(frozen=True, slots=True)
class ReadNodes:
    """Reads the nodes with their games."""

    nodes: ClusterNodes
    host: ContainerHost

    async def list(self) -> Sequence[NodeView]:
        """Return all nodes, ordered by name; none on a single Docker host."""
        nodes = await self.nodes.list_nodes()
        if not nodes:
            return ()
        games = await self._games()
        return [NodeView(node=each, games=sorted(games[each.id])) for each in nodes]

    async def _games(self) -> dict[NodeId, set[GameId]]:
        found: defaultdict[NodeId, set[GameId]] = defaultdict(set)
        for each in await self.host.list_containers():
            game_id = parse_game_id(each.game_id or "")
            if game_id and each.placement is not None and each.is_running:
                found[each.placement.node].add(game_id)
        return found
