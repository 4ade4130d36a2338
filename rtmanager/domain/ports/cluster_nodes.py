"""The nodes of the platform, and the marks that are remembered on them."""

from collections.abc import Sequence
from typing import Protocol

from rtmanager.domain.errors import Conflict
from rtmanager.domain.node import Node, NodeMark


class NodeChanged(Conflict):
    """the node has changed meanwhile; look at it again."""


class ClusterNodes(Protocol):
    """The nodes of a Swarm; a single Docker host has none.

    Every call has a deadline and raises DockerUnavailable when no manager answers.
    """

    async def list_nodes(self, *, with_reservations: bool = False) -> Sequence[Node]:
        """Return all nodes, ordered by name.

        What is reserved on them is shown only `with_reservations`, for which the managers list all
        tasks: seconds of their time in a large Swarm.
        """

    async def mark(self, node: Node, mark: NodeMark) -> None:
        """Remember this of the node, dated by Swarm's time; a mark that is there is dated anew.

        The date is that of the node's last change before this one: nothing was placed on a node
        that is down since it went down, so the mark is about everything that is on it. DRAIN is
        dated by when it was said first: nothing is decided by that, but operators read it.

        Raises NodeChanged unless the node is still as it was shown: whoever decides by what it saw
        decides nothing about a node that has come back meanwhile.
        """

    async def unmark(self, node: Node, mark: NodeMark) -> None:
        """Forget this of the node; no-op when it is not there. Raises NodeChanged."""
