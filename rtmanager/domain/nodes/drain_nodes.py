"""Moving the games of nodes that operators drain."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.node import Node, NodeId, NodeMark
from rtmanager.domain.nodes.attention import Attention
from rtmanager.domain.nodes.move_origin import of_a_drain
from rtmanager.domain.nodes.placed_games import Placed, PlacedGames, runs_in
from rtmanager.domain.operation import OperationKind, OperationRequest
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.game_lease import GameLease, LeaseBusy
from rtmanager.domain.ports.operation_journal import OperationStillOpen

logger = logging.getLogger(__name__)

NODE_PAUSE = 60.0
"""Seconds for which a drain rests after a failure: without room every game would be down once."""
GAME_PAUSE = 300.0
MAX_PAUSE = 3600.0


@dataclass(slots=True)
class _Pause:
    until: float
    seconds: float


@dataclass(slots=True, kw_only=True)
class DrainNodes:
    """Restarts the games of drained nodes, a few at a time: they start elsewhere.

    Nothing of it has to be remembered: which node is drained is marked on it, and which games are
    left is what is on it. A game whose restart fails runs where it did, and is tried again later.
    """

    nodes: ClusterNodes
    placed: PlacedGames
    operations: Operations
    at_once: int
    _left: Mapping[NodeId, int] = field(default_factory=dict, init=False)
    _node_rests_until: dict[NodeId, float] = field(default_factory=dict, init=False)
    _pauses: dict[GameId, _Pause] = field(default_factory=dict, init=False)
    _attention: Attention = field(init=False)

    def __post_init__(self) -> None:
        self._attention = Attention(self.operations.clock)

    async def run(self) -> str:
        """Move what can be moved and return what was done; empty when nothing was.

        Blocks until it is done. Raises DockerUnavailable, ServiceUnavailable.
        """
        nodes = await self.nodes.list_nodes()
        drained = {each.id: each for each in nodes if _is_drained(each)}
        if not drained:
            self._left, self._pauses = {}, {}
        if not drained or not self._attention.is_due(nodes):
            return ""
        placed = await self.placed.on(drained)
        left = [each for each in placed if each[1].is_running and not each[1].is_out_of_reach]
        self._report(drained, left)
        results = await run_concurrently(left, self._move, limit=self.at_once)
        moved = sum(results.done)
        if moved:
            self._attention.found_work()
        return f"{moved} of {len(left)} games moved from drained nodes" if moved else ""

    def _report(self, drained: Mapping[NodeId, Node], left: Sequence[Placed]) -> None:
        """Log how far each drain is, when that has changed."""
        count = Counter(each.placement.node for _, each in left if each.placement)
        for node_id, node in drained.items():
            before, now = self._left.get(node_id, 0), count[node_id]
            if now and now != before:
                logger.info("node_draining", extra={"node": node.name, "left": now})
            elif before and not now:
                logger.info("node_drained", extra={"node": node.name})
        self._left = {each: count[each] for each in drained}

    async def _move(self, placed: Placed) -> bool:
        """Restart the game if it still runs there; nobody waits for a game that is busy."""
        game_id, container = placed
        if container.placement is None or not self._is_due(game_id, container.placement.node):
            return False

        async def restart(lease: GameLease) -> bool:
            # A caller may have stopped it meanwhile, and a restart would start it again.
            if not runs_in(await self.operations.records.get(game_id), container):
                return False
            await self.operations.run_under(lease, request)
            return True

        request = OperationRequest(
            game_id=game_id,
            kind=OperationKind.RESTART,
            origin=of_a_drain(container.placement.name),
        )
        try:
            is_moved = await self.operations.under_lease(game_id, restart, wait=0.0)
        except (LeaseBusy, OperationStillOpen):
            return False
        except RuntimeManagerError:
            self._pause(game_id, container.placement.node)
            raise
        self._pauses.pop(game_id, None)
        return is_moved

    def _is_due(self, game_id: GameId, node: NodeId) -> bool:
        now, pause = self.operations.clock.monotonic(), self._pauses.get(game_id)
        is_resting = self._node_rests_until.get(node, now) > now
        return not is_resting and (pause is None or pause.until <= now)

    def _pause(self, game_id: GameId, node: NodeId) -> None:
        now, before = self.operations.clock.monotonic(), self._pauses.get(game_id)
        seconds = min(2 * before.seconds, MAX_PAUSE) if before else GAME_PAUSE
        self._pauses[game_id] = _Pause(now + seconds, seconds)
        self._node_rests_until[node] = now + NODE_PAUSE


def _is_drained(node: Node) -> bool:
    return NodeMark.DRAIN in node.marks and not node.is_down
