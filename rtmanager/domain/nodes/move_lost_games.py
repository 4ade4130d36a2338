"""Starting games elsewhere whose engines were lost with their node."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.game_id import GameId
from rtmanager.domain.node import Node, NodeId, NodeMark, NodeState
from rtmanager.domain.nodes.attention import Attention
from rtmanager.domain.nodes.placed_games import Placed, PlacedGames, is_current
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.reconciliation.drift import Drift, DriftKind
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame

logger = logging.getLogger(__name__)

HINT = "node_lost"


@dataclass(slots=True, kw_only=True)
class MoveLostGames:
    """Reconciles the games of lost nodes at once, without waiting for the reconciler's turn.

    A few at a time. A game that cannot be moved is tried again with the reconciler's pauses, and at
    once when a node is ready that was not.
    """

    nodes: ClusterNodes
    placed: PlacedGames
    reconcile: ReconcileGame
    at_once: int
    _ready: frozenset[NodeId] = field(default=frozenset(), init=False)
    _attention: Attention = field(init=False)

    def __post_init__(self) -> None:
        self._attention = Attention(self.reconcile.operations.clock)

    async def run(self) -> str:
        """Move what can be moved and return what was done; empty when nothing was.

        Blocks until it is done. Raises DockerUnavailable, ServiceUnavailable.
        """
        nodes = await self.nodes.list_nodes()
        self._note_capacity(nodes)
        marked = [each.id for each in nodes if _had_outage(each)]
        lost = await self._lost(marked) if self._attention.is_due(nodes) else ()
        if not lost:
            return ""
        self._attention.found_work()
        games = sorted({game_id for game_id, _ in lost})
        results = await run_concurrently(games, self._move, limit=self.at_once)
        moved = sum(results.done)
        if moved:
            # The reconciler and the watcher of events may have moved some of them meanwhile.
            left = len(await self._unmoved(lost))
            logger.info("lost_games_moved", extra={"moved": moved, "left": left})
        return f"{moved} of {len(games)} lost games moved"

    def _note_capacity(self, nodes: Sequence[Node]) -> None:
        """Let nothing wait that could not be placed before, when there is one node more."""
        ready = frozenset(each.id for each in nodes if each.state is NodeState.READY)
        if ready - self._ready:
            self.reconcile.backoff.forget(DriftKind.NODE_LOST)
        self._ready = ready

    async def _lost(self, nodes: Sequence[NodeId]) -> Sequence[Placed]:
        """Return the games to move now, by the containers that their records name."""
        found = await self.placed.on(nodes)
        due = [each for each in found if each[1].is_lost and self._is_due(each)]
        return await self._unmoved(due)

    async def _unmoved(self, lost: Iterable[Placed]) -> Sequence[Placed]:
        """Return those whose records still name the lost engine."""
        records = self.reconcile.operations.records
        return [each for each in lost if await is_current(records, each)]

    def _is_due(self, placed: Placed) -> bool:
        game_id, container = placed
        drift = Drift(game_id, DriftKind.NODE_LOST, container.id, "")
        return self.reconcile.backoff.is_due(drift)

    async def _move(self, game_id: GameId) -> bool:
        met = await self.reconcile.run(game_id, HINT)
        return any(each.kind is DriftKind.NODE_LOST for each in met)


def _had_outage(node: Node) -> bool:
    return bool({NodeMark.OFF, NodeMark.INTERRUPTED} & node.marks.keys())
