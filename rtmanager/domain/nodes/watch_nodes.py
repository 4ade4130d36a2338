"""Noticing nodes that are down and nodes that are back."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.container import EngineContainer
from rtmanager.domain.game_id import GameId
from rtmanager.domain.node import Node, NodeId, NodeMark, NodeState
from rtmanager.domain.nodes.attention import Attention
from rtmanager.domain.nodes.placed_games import Placed, PlacedGames, is_current
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.cluster_nodes import ClusterNodes, NodeChanged
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame

logger = logging.getLogger(__name__)

RETURN_TAKES = 60.0
"""Seconds after which a node's return is over: Swarm ends what was on it within seconds."""

_OF_AN_OUTAGE = (NodeMark.OFF, NodeMark.INTERRUPTED)


@dataclass(slots=True, kw_only=True)
class WatchNodes:
    """Marks nodes that go down, and takes the marks away when nothing is left of an outage.

    A node that is back has engines stopped at once that are not their records' any more. What must
    not be forgotten is on the nodes; what is kept in memory saves work, and is found out again by
    the next leader. `last_seen` are the nodes as of the last look.
    """

    nodes: ClusterNodes
    placed: PlacedGames
    reconcile: ReconcileGame
    clock: Clock
    at_once: int
    last_seen: Sequence[Node] = field(default=(), init=False)
    _down: dict[NodeId, int] = field(default_factory=dict, init=False)
    _back_since: dict[NodeId, float] = field(default_factory=dict, init=False)
    _attention: Attention = field(init=False)

    def __post_init__(self) -> None:
        self._attention = Attention(self.clock)

    async def run(self) -> str:
        """Look at the nodes once and return what was noticed; empty when nothing was.

        Raises DockerUnavailable, ServiceUnavailable.
        """
        nodes = await self.nodes.list_nodes()
        marked = [each for each in nodes if self._is_news(each) and await self._mark(each)]
        news = [self._gone_down(each) for each in marked]
        known = {each.id for each in nodes if each in marked or not self._is_news(each)}
        if marked:
            nodes = await self.nodes.list_nodes()
        self._down = {each.id: each.version for each in nodes if each.is_down and each.id in known}
        self.last_seen = nodes
        news += await self._returned([each for each in nodes if _is_back(each)])
        return "; ".join(filter(None, news))

    def _is_news(self, node: Node) -> bool:
        """Return whether the node is down, and was not so when it was looked at last.

        Another version may be another outage: then the mark must be dated anew, for what was placed
        on the node in between. While a node is down, dating it anew changes nothing.
        """
        return node.is_down and self._down.get(node.id) != node.version

    async def _mark(self, node: Node) -> bool:
        """Remember in Swarm that the node was down with whatever is on it now."""
        try:
            await self.nodes.mark(node, NodeMark.INTERRUPTED)
        except NodeChanged:
            return False  # it is looked at again
        return True

    def _gone_down(self, node: Node) -> str:
        """Report a node that was not known to be down."""
        if node.id in self._down:
            return ""
        logger.warning("node_down", extra=_about(node))
        return f"node {node.name} is down"

    async def _returned(self, nodes: Sequence[Node]) -> list[str]:
        """See to the nodes that are back with the marks of an outage."""
        now = self.clock.monotonic()
        for each in nodes:
            if each.id not in self._back_since:
                logger.info("node_back", extra=_about(each))
        self._back_since = {each.id: self._back_since.get(each.id, now) for each in nodes}
        if not nodes or not self._attention.is_due(self.last_seen):
            return []
        found = await self.placed.on(self._back_since)
        busy = await self._stop_strays(found) | await self._still_lost(found)
        over = [each for each in nodes if each.id not in busy and self._is_over(each, now)]
        return [await self._forget_outage(each) for each in over]

    async def _stop_strays(self, found: Iterable[Placed]) -> set[NodeId]:
        """Stop the engines that run there although they are not their records' any more."""
        running = [each for each in found if each[1].is_running]
        strays = [each for each in running if not await is_current(self._records, each)]
        games = sorted({game_id for game_id, _ in strays})
        await run_concurrently(games, self._stop, limit=self.at_once)
        return _nodes_of(container for _, container in strays)

    async def _stop(self, game_id: GameId) -> None:
        await self.reconcile.run(game_id, "a node is back")

    async def _still_lost(self, found: Iterable[Placed]) -> set[NodeId]:
        """Return the nodes with engines that are still to be started elsewhere."""
        lost = [each for each in found if each[1].is_lost]
        return _nodes_of([each[1] for each in lost if await is_current(self._records, each)])

    def _is_over(self, node: Node, now: float) -> bool:
        return now - self._back_since[node.id] >= RETURN_TAKES

    async def _forget_outage(self, node: Node) -> str:
        """Take one mark of the outage away; a changed node has another version for the next."""
        mark = next(each for each in _OF_AN_OUTAGE if each in node.marks)
        try:
            await self.nodes.unmark(node, mark)
        except NodeChanged:
            return ""
        if mark is not _OF_AN_OUTAGE[-1]:
            return ""
        logger.info("node_recovered", extra=_about(node))
        return f"node {node.name} has recovered"

    @property
    def _records(self) -> RuntimeRecords:
        return self.reconcile.operations.records


def _is_back(node: Node) -> bool:
    return node.state is NodeState.READY and any(each in node.marks for each in _OF_AN_OUTAGE)


def _nodes_of(containers: Iterable[EngineContainer]) -> set[NodeId]:
    return {each.placement.node for each in containers if each.placement is not None}


def _about(node: Node) -> dict[str, object]:
    return {"node": node.name, "node_id": node.id, "marks": sorted(node.marks)}
