"""Where the in-memory Swarm places a task, and in which words it says that it cannot."""

from collections.abc import Callable, Iterable, Sequence

from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.in_memory.swarm_services import constraints_of, reserved_by
from rtmanager.adapters.in_memory.swarm_tasks import MemoryTask
from rtmanager.adapters.in_memory.swarm_values import parse_constraint

_LABEL = "node.labels."


def place(
    task: MemoryTask, nodes: Iterable[MemoryNode], tasks: Sequence[MemoryTask]
) -> MemoryNode | str:
    """Return the node with the fewest tasks among those that fit, or why there is none."""
    left, reasons = list(nodes), []
    for words, fits in (
        ("not available for new tasks", lambda node: node.takes_tasks),
        ("scheduling constraints not satisfied", lambda node: meets(task, node)),
        ("insufficient resources", lambda node: has_room(task, node, tasks)),
    ):
        refused = [node for node in left if not fits(node)]
        left = [node for node in left if node not in refused]
        if refused:
            reasons.append(_reason(words, len(refused)))
    if left:
        return min(left, key=lambda node: (_load(node, tasks), node.name))
    return f"no suitable node ({'; '.join(reasons)})" if reasons else "no suitable node"


def meets(task: MemoryTask, node: MemoryNode) -> bool:
    """Return whether the node meets the task's constraints."""
    parsed = map(parse_constraint, constraints_of(task.template))
    return all((_value(node, key) == value) is is_equal for key, is_equal, value in parsed)


def has_room(task: MemoryTask, node: MemoryNode, tasks: Sequence[MemoryTask]) -> bool:
    """Return whether what the task reserves is free on the node."""
    used = [each.uses for each in tasks if each.node is node and each is not task]
    cpus, memory = reserved_by(task.template)
    return (
        sum(each[0] for each in used) + cpus <= node.cpus + 1e-9
        and sum(each[1] for each in used) + memory <= node.memory
    )


def _load(node: MemoryNode, tasks: Sequence[MemoryTask]) -> int:
    return sum(each.node is node and each.is_wanted and not each.has_ended for each in tasks)


def _value(node: MemoryNode, key: str) -> str | None:
    if key.startswith(_LABEL):
        return node.labels.get(key.removeprefix(_LABEL))
    known: dict[str, Callable[[], str]] = {
        "node.id": lambda: node.id,
        "node.hostname": lambda: node.name,
        "node.role": lambda: "manager" if node.is_manager else "worker",
    }
    return known[key]() if key in known else None


def _reason(words: str, count: int) -> str:
    nodes = f"{count} node" + ("s" if count > 1 else "")
    if words.startswith("not available"):
        return f"{nodes} {words}"
    return f"{words} on {nodes}"
