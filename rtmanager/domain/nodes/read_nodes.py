"""What operators see of the nodes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rtmanager.domain.container import EngineContainer
from rtmanager.domain.errors import NotFound
from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.installation import Installation
from rtmanager.domain.node import Node, NodeId, NodeMark
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeStatus


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
    host: ContainerHost
    records: RuntimeRecords
    installation: Installation

    async def list(self) -> Sequence[NodeView]:
        """Return all nodes, ordered by name; none on a single Docker host.

        Raises DockerUnavailable, and ServiceUnavailable when a node has ended engines.
        """
        nodes = await self.nodes.list_nodes()
        if not nodes:
            return ()
        placed = await self._placed()
        running = _games(each for each in placed if each.is_running)
        ended = _games(await self._to_be_moved(placed))
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

    async def _placed(self) -> Sequence[EngineContainer]:
        """Return the containers of this installation that are on a node."""
        return [
            each
            for each in await self.host.list_containers()
            if each.placement is not None
            and each.has_our_labels
            and each.installation == self.installation.id
        ]

    async def _to_be_moved(self, placed: Sequence[EngineContainer]) -> Sequence[EngineContainer]:
        """Return those that are recorded as running, but have ended with their nodes."""
        ended = [each for each in placed if each.ended_with_node and not each.is_running]
        if not ended:
            return ()
        current = {
            each.current_container_id
            for each in await self.records.list()
            if each.status is RuntimeStatus.RUNNING
        }
        return [each for each in ended if each.id in current]


def _games(containers: Iterable[EngineContainer]) -> Mapping[NodeId, set[GameId]]:
    found: defaultdict[NodeId, set[GameId]] = defaultdict(set)
    for each in containers:
        game_id = parse_game_id(each.game_id or "")
        if game_id is not None and each.placement is not None:
            found[each.placement.node].add(game_id)
    return found
