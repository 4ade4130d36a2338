"""The nodes of a Swarm, and their marks in its own labels."""

from collections.abc import Callable, Sequence
from typing import Any

from rtmanager.adapters.swarm.api import Json, OutOfSequence, SwarmApi
from rtmanager.adapters.swarm.node_json import mark_label, node, reservations
from rtmanager.domain.node import Node, NodeMark
from rtmanager.domain.ports.cluster_nodes import NodeChanged
from rtmanager.domain.ports.container_host import HostRefused

Labels = dict[str, str]


class SwarmNodes:
    """Reads and marks the nodes; every replica and every installation sees the same marks."""

    def __init__(self, api: SwarmApi) -> None:
        self._api = api

    async def list_nodes(self, *, with_reservations: bool = False) -> Sequence[Node]:
        """Return all nodes, ordered by name."""
        nodes = await self._api.nodes()
        reserved = reservations(await self._api.tasks()) if with_reservations else {}
        found = [node(each, reserved.get(each["ID"], (0.0, 0))) for each in nodes]
        return sorted(found, key=lambda each: (each.name, each.id))

    async def mark(self, node: Node, mark: NodeMark) -> None:
        """Remember this of the node, dated by its last change in Swarm; one that is there too."""
        label = mark_label(mark)
        if mark is NodeMark.DRAIN:
            now = str((await self._api.info())["SystemTime"])
            await self._change(node, lambda labels, _: labels.setdefault(label, now))
            return

        def add(labels: Labels, answer: Json) -> None:
            labels[label] = answer["UpdatedAt"]

        await self._change(node, add)

    async def unmark(self, node: Node, mark: NodeMark) -> None:
        """Forget this of the node."""
        label = mark_label(mark)
        await self._change(node, lambda labels, _: labels.pop(label, None))

    async def _change(self, node: Node, change: Callable[[Labels, Json], Any]) -> None:
        """Change the labels of the node if it is as it was shown."""
        try:
            answer = await self._api.node(node.id)
        except HostRefused as error:
            raise NodeChanged(f"node {node.name} has left the Swarm") from error
        before = answer["Spec"].get("Labels") or {}
        labels = dict(before)
        change(labels, answer)
        if labels == before:
            return
        if answer["Version"]["Index"] != node.version:
            raise NodeChanged
        spec = {**answer["Spec"], "Labels": labels}
        try:
            await self._api.update_node(node.id, node.version, spec)
        except OutOfSequence as error:
            raise NodeChanged from error
