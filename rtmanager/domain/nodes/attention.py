"""How often the containers on marked nodes are listed: often after a change, else seldom."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rtmanager.domain.node import Node, NodeId
from rtmanager.domain.ports.clock import Clock

ATTENTIVE = 90.0
"""Seconds after a change of a node, or after work was found, in which every look is due.

Longer than a node's return takes (`watch_nodes`), which would be noticed only much later otherwise.
"""
SELDOM = 60.0
"""Seconds between two looks otherwise: a list of all containers costs a large Swarm seconds."""


@dataclass(slots=True)
class Attention:
    """A node may be off, or drained, for weeks: then nothing changes on it."""

    clock: Clock
    _seen: frozenset[tuple[NodeId, int]] = field(default=frozenset(), init=False)
    _attentive_until: float = field(default=0.0, init=False)
    _due_at: float = field(default=0.0, init=False)

    def is_due(self, nodes: Iterable[Node]) -> bool:
        """Return whether to look at the containers now; `nodes` are all, marked or not."""
        now, seen = self.clock.monotonic(), frozenset((each.id, each.version) for each in nodes)
        if seen != self._seen:
            self._seen, self._attentive_until = seen, now + ATTENTIVE
        if self._attentive_until <= now < self._due_at:
            return False
        self._due_at = now + SELDOM
        return True

    def found_work(self) -> None:
        """Let the next looks be due as well."""
        self._attentive_until = self.clock.monotonic() + ATTENTIVE
