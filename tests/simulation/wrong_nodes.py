"""Wrong treatment of a Swarm's nodes, each of which replaces the right one in a mutant."""

from functools import cached_property
from typing import Any

from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.node import Node, NodeMark
from rtmanager.domain.nodes.fence_nodes import FenceNodes
from rtmanager.domain.ports.cluster_nodes import NodeChanged
from rtmanager.domain.reconciliation.drift import Drift, DriftKind, GameView


def lost_when_down(self: ServiceView, task: Task) -> bool:
    """Take an engine on a node that is down for dead."""
    return task.node is not None and self._is_down(task.node)


def lost_once_off(self: ServiceView, task: Task) -> bool:
    """Believe that a node is off for as long as it is marked, whatever has started there since."""
    node = self.nodes.get(task.node) if task.node else None
    return node is not None and node.is_down and NodeMark.OFF in node.marks


async def mark_whatever_is_answered(self: FenceNodes, node: Node) -> str:
    """Run the fence command and take any answer for a yes."""
    await self.fencing.confirms_off(node)
    self._pause(node)
    try:
        await self.nodes.mark(node, NodeMark.OFF)
    except NodeChanged:
        return ""
    return f"node {node.name} is off, the fence command says"


@property  # type: ignore[misc]
def never_given_up(_: Task) -> bool:
    """Take every task that Swarm shows as rejected for one that was refused by its node."""
    return False


def any_version(current: int, sent: int) -> None:
    """Accept a change that was decided by an older version."""


def exit_of_lost(view: GameView, lost: Any) -> Any:
    """Record an engine that was lost with its node as one that has ended."""
    sentence = "the record is running but its container has exited"
    yield Drift(view.game_id, DriftKind.OBSERVED_EXIT, lost.id, sentence)


def _alive_while_wanted(self: ServiceView) -> Task | None:
    """Take an engine that was told to end for one that has ended."""
    alive = (each for each in self.tasks if self._may_live(each))
    return max((each for each in alive if each.wanted != "remove"), default=None)


alive_while_wanted = cached_property(_alive_while_wanted)
alive_while_wanted.__set_name__(ServiceView, "alive")
