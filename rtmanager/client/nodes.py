"""The client's methods for the nodes of a Swarm."""

from rtmanager.client.operations import OperationLog
from rtmanager.client.reports import Node, Nodes
from rtmanager.client.request import OPERATOR, Request, node_path
from rtmanager.client.retries import Repeats


class NodeList(OperationLog):
    """Reads the nodes, and says something of one; a node is named by its name or its id.

    Each word may be repeated, and returns the node as it is then.
    """

    async def nodes(self) -> tuple[Node, ...]:
        """Return all nodes, ordered by name; none of a service on a single Docker host."""
        return (await self._connection.call(self._get(f"{OPERATOR}/nodes"), Nodes)).items

    async def node_lost(self, node: str, *, reason: str | None = None) -> Node:
        """Vouch that a machine is off, so that its games are started elsewhere.

        An engine that still runs there would go on writing beside the new one.
        """
        return await self._connection.call(self._word(node, "lost", reason), Node)

    async def drain_node(self, node: str, *, reason: str | None = None) -> Node:
        """Let a node's games be moved to others, a few at a time; `games_left` is the progress."""
        return await self._connection.call(self._word(node, "drain", reason), Node)

    async def activate_node(self, node: str, *, reason: str | None = None) -> Node:
        """Let games be placed on a node again."""
        return await self._connection.call(self._word(node, "activate", reason), Node)

    def _word(self, node: str, word: str, reason: str | None) -> Request:
        return Request(
            method="POST",
            path=node_path(node, word),
            timeout=self._timeouts.reading(self._timeouts.read),
            repeats=Repeats.WORD,
            body=None if reason is None else {"reason": reason},
        )
