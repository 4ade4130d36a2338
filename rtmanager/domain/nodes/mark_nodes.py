"""What operators say of a node: it is off, it is to be drained, it is to be used again."""

from dataclasses import dataclass

from rtmanager.domain.errors import Conflict, NotFound
from rtmanager.domain.node import Node, NodeMark
from rtmanager.domain.ports.cluster_nodes import ClusterNodes


@dataclass(frozen=True, slots=True)
class MarkNodes:
    """Writes an operator's word on a node, where every replica and every restart finds it."""

    nodes: ClusterNodes

    async def lost(self, name: str) -> Node:
        """Vouch that the node is off, so that its games start elsewhere; return it.

        Raises NotFound for an unknown node, Conflict for one that is not down.
        """
        node = await self._find(name)
        if not node.is_down:
            raise Conflict(
                f"node {node.name} is {node.state}: its engines are stopped in the usual way; "
                "drain it instead"
            )
        await self.nodes.mark(node, NodeMark.OFF)
        return await self._find(node.id)

    async def drain(self, name: str) -> Node:
        """Let the node's games be moved elsewhere, a few at a time; return it.

        Raises NotFound for an unknown node.
        """
        node = await self._find(name)
        await self.nodes.mark(node, NodeMark.DRAIN)
        return await self._find(node.id)

    async def activate(self, name: str) -> Node:
        """Let games be placed on the node again; return it. Raises NotFound for an unknown node."""
        node = await self._find(name)
        await self.nodes.unmark(node, NodeMark.DRAIN)
        return await self._find(node.id)

    async def _find(self, name: str) -> Node:
        """Return the node with this name or id."""
        nodes = await self.nodes.list_nodes()
        if not nodes:
            raise Conflict("there are no nodes: all games run on a single Docker host")
        found = [each for each in nodes if name in {each.name, each.id}]
        if not found:
            raise NotFound(f"there is no node {name}")
        if len(found) > 1:
            ids = ", ".join(each.id for each in found)
            raise Conflict(f"several nodes are named {name}; name one by its id: {ids}")
        return found[0]
