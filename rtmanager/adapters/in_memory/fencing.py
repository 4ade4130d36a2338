"""A fence command in memory."""

from dataclasses import dataclass, field

from rtmanager.domain.node import Node


@dataclass
class InMemoryFencing:
    """Answers as it was told, and remembers what it was asked."""

    is_available: bool = False
    off: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def confirms_off(self, node: Node) -> bool:
        """Return whether the node was said to be off."""
        self.asked.append(node.name)
        return node.name in self.off
