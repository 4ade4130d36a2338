"""Asking the fence command about nodes that stay down."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.node import Node, NodeId, NodeMark
from rtmanager.domain.nodes.attention import Attention
from rtmanager.domain.nodes.placed_games import PlacedGames
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.cluster_nodes import ClusterNodes, NodeChanged
from rtmanager.domain.ports.fencing import Fencing

logger = logging.getLogger(__name__)

FIRST_PAUSE = 10.0
"""Seconds for which a node must stay down before the command is run for it."""
MAX_PAUSE = 300.0
NODES_AT_ONCE = 8


@dataclass(slots=True)
class _Pause:
    until: float
    seconds: float


@dataclass(slots=True, kw_only=True)
class FenceNodes:
    """Marks a node that is down as off when the fence command says so.

    Only a node with engines of which nobody knows whether they run; again and again, with pauses
    that grow, until the node is off or back. Never about a name that another node has as well: a
    machine that has joined anew would be switched off, or be taken for the one that was lost.
    """

    nodes: ClusterNodes
    placed: PlacedGames
    fencing: Fencing
    clock: Clock
    _pauses: dict[NodeId, _Pause] = field(default_factory=dict, init=False)
    _attention: Attention = field(init=False)

    def __post_init__(self) -> None:
        self._attention = Attention(self.clock)

    async def run(self) -> str:
        """Ask about the nodes that need it and return what was answered; empty when nothing was.

        Blocks while the command runs. Raises DockerUnavailable.
        """
        if not self.fencing.is_available:
            return ""
        nodes = await self.nodes.list_nodes()
        if not self._attention.is_due(nodes):
            return ""
        down = await self._out_of_reach(nodes)
        self._pauses = {each.id: self._pause_of(each) for each in down}
        due = [each for each in down if self._pauses[each.id].until <= self.clock.monotonic()]
        names = Counter(each.name for each in nodes)
        clear = [each for each in due if names[each.name] == 1 or self._leave(each)]
        answers = await run_concurrently(clear, self._ask, limit=NODES_AT_ONCE)
        return "; ".join(filter(None, answers.done))

    async def _out_of_reach(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """Return the nodes that are down, marked as such, with engines that may run."""
        down = {each.id: each for each in nodes if _is_marked_down(each)}
        placed = await self.placed.on(down)
        unknown = {each.placement.node for _, each in placed if each.placement and each.is_running}
        return [node for node in down.values() if node.id in unknown]

    def _pause_of(self, node: Node) -> _Pause:
        known = self._pauses.get(node.id)
        return known or _Pause(self.clock.monotonic() + FIRST_PAUSE, FIRST_PAUSE)

    async def _ask(self, node: Node) -> str:
        """Run the command for the node as it was shown, and believe it about no other outage."""
        is_off = await self.fencing.confirms_off(node)
        self._pause(node)
        if not is_off:
            return ""
        try:
            await self.nodes.mark(node, NodeMark.OFF)
        except NodeChanged:
            return ""  # it may have come back meanwhile, and be down again
        logger.warning("node_fenced", extra={"node": node.name, "node_id": node.id})
        return f"node {node.name} is off, the fence command says"

    def _leave(self, node: Node) -> bool:
        """Report that nothing is asked about the node; return False."""
        self._pause(node)
        logger.warning("fence_name_ambiguous", extra={"node": node.name, "node_id": node.id})
        return False

    def _pause(self, node: Node) -> None:
        before = self._pauses[node.id]
        until = self.clock.monotonic() + before.seconds
        self._pauses[node.id] = _Pause(until, min(2 * before.seconds, MAX_PAUSE))


def _is_marked_down(node: Node) -> bool:
    return node.is_down and NodeMark.INTERRUPTED in node.marks
