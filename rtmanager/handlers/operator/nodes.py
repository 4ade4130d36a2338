"""The endpoints for the nodes of a Swarm: what they are, and what operators say of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from rtmanager.domain.node import Node
from rtmanager.domain.nodes.mark_nodes import MarkNodes
from rtmanager.domain.nodes.read_nodes import ReadNodes
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.operator.node_json import node_json

log = structlog.get_logger(__name__)

_Marking = Callable[[str], Awaitable[Node]]


@dataclass(frozen=True, slots=True)
class Nodes:
    """The endpoints for nodes."""

    read: ReadNodes
    mark: MarkNodes

    async def list(self, _: Call) -> JsonObject:
        """Show every node with its games."""
        return {"items": [node_json(each) for each in await self.read.list()]}

    async def lost(self, call: Call) -> JsonObject:
        """Take an operator's word that a node is off."""
        return await self._said(call, "lost", self.mark.lost)

    async def drain(self, call: Call) -> JsonObject:
        """Let a node's games be moved elsewhere."""
        return await self._said(call, "drain", self.mark.drain)

    async def activate(self, call: Call) -> JsonObject:
        """Let games be placed on a node again."""
        return await self._said(call, "activate", self.mark.activate)

    async def _said(self, call: Call, word: str, marking: _Marking) -> JsonObject:
        """Mark the node, and log who said that of it, and why: games move by this word."""
        node = await marking(call.path_parameter("node"))
        log.warning(
            "node_marked",
            node=node.name,
            node_id=node.id,
            word=word,
            source=call.origin.source,
            reason=call.body.get("reason"),
        )
        return node_json(await self.read.get(node.id))
