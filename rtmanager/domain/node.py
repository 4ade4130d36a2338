"""The nodes of a Swarm: what the platform shows of them, and what operators have said."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NewType

NodeId = NewType("NodeId", str)

NEVER = datetime.fromtimestamp(0, UTC)

_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class NodeState(StrEnum):
    """Whether the managers hear of a node.

    DOWN says nothing of its engines: they may run on behind a broken link. UNKNOWN is any other
    state in which Swarm does not count on the node, as after a change of its leader.
    """

    READY = "ready"
    DOWN = "down"
    UNKNOWN = "unknown"


class NodeMark(StrEnum):
    """What is remembered of a node, in a label of the node in Swarm itself.

    INTERRUPTED: it was down while engines were on it; what has ended there has not ended by itself.
    OFF: an operator or the fence command vouches that it is off, so nothing runs on it.
    DRAIN: its games are moved elsewhere, and no new one is placed on it.
    """

    INTERRUPTED = "interrupted"
    OFF = "off"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node; `marks` are dated by Swarm's own time, `version` changes with everything on it.

    `changed_at` is when it changed last: when it came back, or later.

    `cpus` and `memory_bytes` are all that it has, `reserved_cpus` and `reserved_memory` what the
    tasks on it have reserved.
    """

    id: NodeId
    name: str
    state: NodeState
    availability: str
    is_manager: bool
    cpus: float
    memory_bytes: int
    reserved_cpus: float = 0.0
    reserved_memory: int = 0
    marks: Mapping[NodeMark, datetime] = field(default_factory=dict)
    version: int = 0
    changed_at: datetime = NEVER

    @property
    def is_down(self) -> bool:
        """Return whether the managers do not hear of it."""
        return self.state is NodeState.DOWN

    @property
    def is_off(self) -> bool:
        """Return whether it is down and somebody vouches that it is off."""
        return self.is_down and NodeMark.OFF in self.marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a container is. While `is_down`, nobody knows whether its engine runs."""

    node: NodeId
    name: str
    is_down: bool = False

    @property
    def down_words(self) -> str:
        """Say what a node that is down means for an engine on it, and what to do about it."""
        return (
            f"node {self.name} is down, and nobody knows whether the engine still runs there until "
            "the node is back, or somebody vouches that it is surely off: "
            f"rtmanager node lost {name_in_commands(self.name, self.node)}"
        )


def name_in_commands(name: str, node_id: NodeId) -> str:
    """Return how a command names a node: whoever named the machine is not to write commands."""
    return name if _HOST_NAME.fullmatch(name) else node_id
