"""What the state of a node means, and what to do, in a sentence or two for operators."""

from rtmanager.domain.node import Node, NodeMark, NodeState, name_in_commands
from rtmanager.domain.nodes.read_nodes import NodeView


def advice(view: NodeView) -> str | None:
    """Return the sentences; None of a node that is as it should be."""
    node = view.node
    if node.is_down:
        return _of_a_lost_node(view) if node.is_off else _of_a_silent_node(view)
    if node.state is NodeState.UNKNOWN:
        return (
            "The managers do not count on it, as for some seconds after a change of their leader; "
            "if that lasts, look at the Docker daemon there."
        )
    if NodeMark.OFF in node.marks:
        return (
            "It is back after it was lost: whatever still runs there of a game that was moved is "
            "stopped before anything else, and then it is used again."
        )
    if view.ended:
        return (
            f"It was away, and {_engines(len(view.ended))} ended with it; each is started again "
            "where there is room."
        )
    if NodeMark.DRAIN in node.marks:
        return _of_a_drain(view)
    return _of_its_availability(node)


def _of_a_silent_node(view: NodeView) -> str:
    name = _name(view.node)
    if not view.games:
        return "The managers do not hear of it; no game is on it."
    return (
        "The managers do not hear of it, and nobody knows what became of "
        f"{_engines(len(view.games))} on it. While an engine may still run, nothing is started "
        "elsewhere. If only its network is broken, repair that. If the machine is surely off, say "
        f"so: `rtmanager node lost {name}`."
    )


def _of_a_lost_node(view: NodeView) -> str:
    if view.games_left:
        left = _games(view.games_left)
        return f"It is off by somebody's word; {left} of it to be started elsewhere."
    return "It is off by somebody's word, and none of its games is left to be started elsewhere."


def _of_a_drain(view: NodeView) -> str:
    name = _name(view.node)
    if view.games_left:
        return (
            f"It is being drained: {_games(view.games_left)} to be moved. "
            f"`rtmanager node activate {name}` ends that."
        )
    return (
        "It is drained: no game is on it, and none is placed there until "
        f"`rtmanager node activate {name}`."
    )


def _of_its_availability(node: Node) -> str | None:
    if node.availability == "active":
        return None
    command = f"docker node update --availability active {_name(node)}"
    return f"Swarm itself places nothing on it (availability {node.availability}): `{command}`."


def _name(node: Node) -> str:
    return name_in_commands(node.name, node.id)


def _engines(number: int) -> str:
    return "1 engine" if number == 1 else f"{number} engines"


def _games(number: int) -> str:
    return "1 game is left" if number == 1 else f"{number} games are left"
