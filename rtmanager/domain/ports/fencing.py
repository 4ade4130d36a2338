"""Making sure from outside that a node is off."""

from typing import Protocol

from rtmanager.domain.node import Node


class Fencing(Protocol):
    """The operator's fence command."""

    @property
    def is_available(self) -> bool:
        """Return whether there is a fence command."""

    async def confirms_off(self, node: Node) -> bool:
        """Run the command and return whether it says that the node is surely off; never raises.

        Only exit code 0 says so. A command that fails, hangs or cannot be run says nothing.
        """
