"""What operators see of the nodes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rtmanager.domain.errors import NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.node import Node, NodeId, NodeMark
from rtmanager.domain.nodes.placed_games import Placed, PlacedGames, runs_in
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.runtime_records import RuntimeRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A node and the games whose engines run on it, or may: ordered, without the stopped ones.

    `ended` are the games that are recorded as running, but whose engines have ended with the node:
    they are about to be started elsewhere.
    """

    node: Node
    games: Sequence[GameId]
    ended: Sequence[GameId] = ()

    @property
    def is_out_of_reach(self) -> bool:
        """Return whether nobody knows if the engines on it run."""
        return self.node.is_down and not self.node.is_off

    @property
    def games_left(self) -> int | None:
        """How many games have still to leave it; None if none has to."""
        is_left = NodeMark.DRAIN in self.node.marks or NodeMark.OFF in self.node.marks
        return len({*self.games, *self.ended}) if is_left or self.ended else None


@dataclass(frozen=True, slots=True)
class ReadNodes:
    """Reads the nodes with their games."""

    nodes: ClusterNodes
    placed: PlacedGames
    records: RuntimeRecords

    async def list(self) -> Sequence[NodeView]:
        """Return all nodes, ordered by name; none on a single Docker host.

        Raises DockerUnavailable, and ServiceUnavailable when a node has ended engines.
        """
        nodes = await self.nodes.list_nodes(with_reservations=True)
        placed = await self.placed.on({each.id for each in nodes})
        running = _by_node(each for each in placed if each[1].is_running)
        ended = _by_node(await self._to_be_moved(placed))
        return [
            NodeView(node=each, games=sorted(running[each.id]), ended=sorted(ended[each.id]))
            for each in nodes
        ]

    async def get(self, node_id: NodeId) -> NodeView:
        """Return one node; raise NotFound if it has left the Swarm, and as `list` does."""
        for each in await self.list():
            if each.node.id == node_id:
                return each
        raise NotFound(f"there is no node {node_id}")

    async def _to_be_moved(self, placed: Sequence[Placed]) -> Sequence[Placed]:
        """Return those that are recorded as running, but have ended with their nodes."""
        lost = [each for each in placed if each[1].is_lost]
        if not lost:
            return ()
        records = {each.game_id: each for each in await self.records.list()}
        return [each for each in lost if runs_in(records.get(each[0]), each[1])]


def _by_node(placed: Iterable[Placed]) -> Mapping[NodeId, set[GameId]]:
    found: defaultdict[NodeId, set[GameId]] = defaultdict(set)
    for game_id, container in placed:
        if container.placement is not None:
            found[container.placement.node].add(game_id)
    return found
