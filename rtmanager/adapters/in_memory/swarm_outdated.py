"""What a manager of the in-memory Swarm shows that was the leader and has not noticed its end."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Protocol, Self

from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.in_memory.swarm_services import MemoryService
from rtmanager.adapters.in_memory.swarm_tasks import MemoryTask


class Known(Protocol):
    """The objects that a manager shows."""

    @property
    def services(self) -> Mapping[str, MemoryService]:
        """The services by id."""

    @property
    def tasks(self) -> Mapping[str, MemoryTask]:
        """The tasks by id."""

    @property
    def nodes(self) -> Mapping[str, MemoryNode]:
        """The nodes by id."""


@dataclass(frozen=True, kw_only=True)
class Outdated:
    """The objects as they were, shown until a moment of the clock's monotonic time.

    A leader that is cut off from the other managers answers from its own store until it steps
    down, ten to twenty seconds later. It can change nothing: its client asks another manager after
    a change, for good if `is_left`.
    """

    until: float
    is_left: bool
    services: Mapping[str, MemoryService]
    tasks: Mapping[str, MemoryTask]
    nodes: Mapping[str, MemoryNode]

    @classmethod
    def of(cls, known: Known, *, until: float, is_left: bool) -> Self:
        """Remember what is known now."""
        return cls(
            until=until,
            is_left=is_left,
            services={key: copy(each) for key, each in known.services.items()},
            tasks={key: copy(each) for key, each in known.tasks.items()},
            nodes={key: copy(each) for key, each in known.nodes.items()},
        )
