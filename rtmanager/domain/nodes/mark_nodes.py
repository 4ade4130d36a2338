"""What operators say of a node: it is off, it is to be drained, it is to be used again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rtmanager.domain.errors import Conflict, NotFound
from rtmanager.domain.node import Node, NodeMark, NodeState
from rtmanager.domain.ports.cluster_nodes import ClusterNodes, NodeChanged

MAX_TRIES = 3
"""How often a node that changes at the same moment is looked at again."""

Change = Callable[[Node, NodeMark], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class MarkNodes:
    """Writes an operator's word on a node, where every replica and every restart finds it.

    Every method takes a node's name or id and raises NotFound for an unknown one, Conflict for a
    name that several have and on a single Docker host, NodeChanged when the node keeps changing,
    DockerUnavailable.
    """

    nodes: ClusterNodes

    async def lost(self, name: str) -> Node:
        """Vouch that the node is off, so that its games start elsewhere; return it.

        Raises Conflict for one that is not down: whatever runs on it would go on.
        """
        return await self._change(name, self._mark_as_off, NodeMark.OFF)

    async def drain(self, name: str) -> Node:
        """Let the node's games be moved elsewhere, a few at a time; return it."""
        return await self._change(name, self.nodes.mark, NodeMark.DRAIN)

    async def activate(self, name: str) -> Node:
        """Let games be placed on the node again; return it."""
        return await self._change(name, self.nodes.unmark, NodeMark.DRAIN)

    async def _mark_as_off(self, node: Node, mark: NodeMark) -> None:
        if not node.is_down:
            raise Conflict(_not_down(node))
        await self.nodes.mark(node, mark)

    async def _change(self, name: str, change: Change, mark: NodeMark) -> Node:
        """Change the node as it is now; one that changes meanwhile is looked at again."""
        for tries_left in reversed(range(MAX_TRIES)):
            node = await self._find(name)
            try:
                await change(node, mark)
                break
            except NodeChanged:
                if not tries_left:
                    raise
        return await self._find(node.id)

    async def _find(self, name: str) -> Node:
        """Return the node with this name or id."""
        nodes = await self.nodes.list_nodes()
        if not nodes:
            raise Conflict("there are no nodes: all games run on a single Docker host")
        by_id = [each for each in nodes if each.id == name]
        found = by_id or [each for each in nodes if each.name == name]
        if not found:
            known = ", ".join(each.name for each in nodes)
            raise NotFound(f"there is no node {name}; the nodes are: {known}")
        if len(found) > 1:
            ids = ", ".join(each.id for each in found)
            raise Conflict(f"several nodes are named {name}; name one by its id: {ids}")
        return found[0]


def _not_down(node: Node) -> str:
    if node.state is NodeState.READY:
        return (
            f"node {node.name} is ready, so what is on it may run and write; drain it, or cut it "
            "off first"
        )
    return f"Swarm does not say whether node {node.name} is down ({node.state}); try again"
