"""Reading Swarm's JSON of nodes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rtmanager.adapters.docker.docker_json import parse_time
from rtmanager.adapters.swarm.api import Json
from rtmanager.domain.node import NEVER, Node, NodeId, NodeMark, NodeState

_NANO = 1_000_000_000
_STATES = {"ready": NodeState.READY, "down": NodeState.DOWN}


def mark_label(mark: NodeMark) -> str:
    """Return the label of a node that keeps the mark."""
    return f"com.galaxy.{mark}"


def node(answer: Json, reserved: tuple[float, int] = (0.0, 0)) -> Node:
    """Read a node; `reserved` are the CPUs and bytes that the tasks on it have reserved."""
    description = answer.get("Description") or {}
    resources = description.get("Resources") or {}
    return Node(
        id=NodeId(answer["ID"]),
        name=description.get("Hostname") or answer["ID"],
        state=_STATES.get((answer.get("Status") or {}).get("State", ""), NodeState.UNKNOWN),
        availability=answer["Spec"].get("Availability", ""),
        is_manager=answer["Spec"].get("Role") == "manager",
        cpus=resources.get("NanoCPUs", 0) / _NANO,
        memory_bytes=resources.get("MemoryBytes", 0),
        reserved_cpus=reserved[0],
        reserved_memory=reserved[1],
        marks=_marks(answer["Spec"].get("Labels") or {}),
        version=answer["Version"]["Index"],
        changed_at=parse_time(answer.get("UpdatedAt", "")) or NEVER,
    )


def reservations(tasks: Iterable[Json]) -> Mapping[str, tuple[float, int]]:
    """Return the CPUs and bytes that are reserved on each node, by its id."""
    found: dict[str, tuple[float, int]] = {}
    for task in tasks:
        if (on := task.get("NodeID")) and task["DesiredState"] == "running":
            reserved = (task["Spec"].get("Resources") or {}).get("Reservations") or {}
            cpus, memory = found.get(on, (0.0, 0))
            more = reserved.get("NanoCPUs", 0) / _NANO, reserved.get("MemoryBytes", 0)
            found[on] = cpus + more[0], memory + more[1]
    return found


def _marks(labels: Mapping[str, Any]) -> dict[NodeMark, datetime]:
    """Read the marks; a date that nobody can read is none."""
    found: dict[NodeMark, datetime] = {}
    for mark in NodeMark:
        try:
            at = parse_time(str(labels.get(mark_label(mark), "")))
        except ValueError:
            continue
        if at is not None:
            found[mark] = at
    return found
