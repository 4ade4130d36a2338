"""The nodes of a platform that has none: a single Docker host."""

from collections.abc import Sequence

from rtmanager.domain.node import Node, NodeMark


class SingleHost:
    """No nodes at all; nothing can be said of any."""

    async def list_nodes(
        self,
        *,
        with_reservations: bool = False,  # noqa: ARG002 - there are none
    ) -> Sequence[Node]:
        """Return no nodes."""
        return ()

    async def mark(self, node: Node, mark: NodeMark) -> None:
        """Do nothing: there is no node to mark."""

    async def unmark(self, node: Node, mark: NodeMark) -> None:
        """Do nothing: there is no node to unmark."""
