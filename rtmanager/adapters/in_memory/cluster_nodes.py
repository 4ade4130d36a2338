"""Nodes in memory, as a Swarm shows them: every change gives a node another version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rtmanager.domain.node import Node, NodeId, NodeMark, NodeState
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.cluster_nodes import NodeChanged


@dataclass
class InMemoryClusterNodes:
    """The nodes of a Swarm, which a test can let go down and come back."""

    clock: Clock
    nodes: dict[NodeId, Node] = field(default_factory=dict)
    _changed_at: dict[NodeId, datetime] = field(default_factory=dict)

    def add(self, name: str) -> Node:
        """Add a node that is ready, and return it."""
        node = Node(
            id=NodeId(f"id-of-{name}"),
            name=name,
            state=NodeState.READY,
            availability="active",
            is_manager=False,
            cpus=4.0,
            memory_bytes=8 << 30,
        )
        return self._put(node)

    def change(self, node_id: NodeId, **changes: Any) -> Node:
        """Change the node, and with that its version; return it."""
        before = self.nodes[node_id]
        return self._put(replace(before, version=before.version + 1, **changes))

    def _put(self, node: Node) -> Node:
        self.nodes[node.id], self._changed_at[node.id] = node, self.clock.now()
        return node

    async def list_nodes(self, *, with_reservations: bool = False) -> Sequence[Node]:
        """Return all nodes, ordered by name."""
        found = sorted(self.nodes.values(), key=lambda each: (each.name, each.id))
        return found if with_reservations else list(map(_without_reservations, found))

    async def mark(self, node: Node, mark: NodeMark) -> None:
        """Remember this of the node, dated by its last change."""
        dated = {mark: self._changed_at[node.id]}
        if mark is NodeMark.DRAIN:
            dated = {mark: node.marks.get(mark, self.clock.now())}
        self._change_marks(node, {**node.marks, **dated})

    async def unmark(self, node: Node, mark: NodeMark) -> None:
        """Forget this of the node."""
        if mark in node.marks:
            left = {each: at for each, at in node.marks.items() if each is not mark}
            self._change_marks(node, left)

    def _change_marks(self, node: Node, marks: Mapping[NodeMark, datetime]) -> None:
        known = self.nodes.get(node.id)
        if known is None or known.version != node.version:
            raise NodeChanged
        self.change(node.id, marks=marks)


def _without_reservations(node: Node) -> Node:
    return replace(node, reserved_cpus=0.0, reserved_memory=0)
