"""Rendering nodes as the operator contract defines them."""

from rtmanager.domain.node import NodeMark
from rtmanager.domain.nodes.advice import advice
from rtmanager.domain.nodes.read_nodes import NodeView
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.rendering import timestamp


def node_json(view: NodeView) -> JsonObject:
    """Return a node with its games."""
    node = view.node
    return {
        "node_id": node.id,
        "name": node.name,
        "state": node.state,
        "availability": node.availability,
        "role": "manager" if node.is_manager else "worker",
        "cpus": node.cpus,
        "memory_bytes": node.memory_bytes,
        "reserved_cpus": node.reserved_cpus,
        "reserved_memory_bytes": node.reserved_memory,
        "interrupted_at": timestamp(node.marks.get(NodeMark.INTERRUPTED)),
        "off_at": timestamp(node.marks.get(NodeMark.OFF)),
        "drain_at": timestamp(node.marks.get(NodeMark.DRAIN)),
        "is_out_of_reach": view.is_out_of_reach,
        "games": list(view.games),
        "games_left": view.games_left,
        "advice": advice(view),
    }
