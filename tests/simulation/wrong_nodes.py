"""Wrong treatment of a Swarm's nodes, each of which replaces the right one in a mutant."""

from contextlib import suppress
from functools import cached_property
from typing import Any

from rtmanager.adapters.swarm.api import ServiceGone
from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.stops import Stops
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.container import ContainerId
from rtmanager.domain.node import Node, NodeMark
from rtmanager.domain.nodes.fence_nodes import FenceNodes
from rtmanager.domain.nodes.mark_nodes import MarkNodes
from rtmanager.domain.ports.cluster_nodes import NodeChanged
from rtmanager.domain.ports.container_host import ContainerRuns
from rtmanager.domain.reconciliation.drift import Drift, DriftKind, GameView


def lost_when_down(self: ServiceView, task: Task) -> bool:
    """Take an engine on a node that is down for dead."""
    return task.node is not None and self._is_down(task.node)


def lost_once_off(self: ServiceView, task: Task) -> bool:
    """Believe that a node is off for as long as it is marked, whatever has started there since."""
    node = self.nodes.get(task.node) if task.node else None
    return node is not None and node.is_down and NodeMark.OFF in node.marks


def lost_once_vouched_for(self: ServiceView, task: Task) -> bool:
    """Believe a word about a node whether or not it is down."""
    return self._is_marked(task, NodeMark.OFF, since=task.created_at)


async def mark_what_is_not_down(self: MarkNodes, node: Node, mark: NodeMark) -> None:
    """Take an operator's word for a node that may be up."""
    await self.nodes.mark(node, mark)


def ended_when_unseen(self: ServiceView, task: Task) -> bool:
    """Take an engine for stopped that was told to end on a node that is down."""
    is_unseen = task.node is not None and self._is_down(task.node) and task.wanted == "remove"
    return not task.has_ended and not self._is_lost(task) and not is_unseen


async def remove_without_a_mark(self: Stops, container_id: ContainerId) -> None:
    """Remove a container that did not run when it was looked at."""
    view = await self._services.view(container_id)
    if view is not None and view.container().is_running:
        raise ContainerRuns
    with suppress(ServiceGone):
        await self._api.remove_service(container_id)


def runs_by_any_record(*_: Any) -> bool:
    """Move whatever runs on a node, also what a caller has stopped meanwhile."""
    return True


async def mark_by_an_old_answer(self: FenceNodes, node: Node) -> str:
    """Believe the answer about one outage of the next one too."""
    if not await self.fencing.confirms_off(node):
        return ""
    for each in await self.nodes.list_nodes():
        if each.id == node.id and each.is_down:
            with suppress(NodeChanged):
                await self.nodes.mark(each, NodeMark.OFF)
    return f"node {node.name} is off, the fence command says"


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
