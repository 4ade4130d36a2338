"""What operators are advised of a node, in every state that it can be in."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rtmanager.domain.game_id import GameId
from rtmanager.domain.node import Node, NodeId, NodeMark, NodeState
from rtmanager.domain.nodes.advice import advice
from rtmanager.domain.nodes.read_nodes import NodeView

AT = datetime(2026, 11, 29, tzinfo=UTC)
G1, G2 = GameId("g1"), GameId("g2")


def view(
    *marks: NodeMark,
    games: tuple[GameId, ...] = (),
    ended: tuple[GameId, ...] = (),
    **more: Any,
) -> NodeView:
    """Return a node with these marks and games."""
    plain: dict[str, Any] = {"state": NodeState.READY, "availability": "active"}
    node = Node(
        id=NodeId("n1"),
        **{"name": "worker-1", **plain, **more},
        is_manager=False,
        cpus=4,
        memory_bytes=8 << 30,
        marks=dict.fromkeys(marks, AT),
    )
    return NodeView(node=node, games=games, ended=ended)


DOWN: dict[str, Any] = {"state": NodeState.DOWN}
SAID = {
    "silent": (view(games=(G1, G2), **DOWN), "nobody knows what became of 2 engines"),
    "silent, one": (view(games=(G1,), **DOWN), "nobody knows what became of 1 engine on"),
    "silent, marked before": (
        view(NodeMark.INTERRUPTED, NodeMark.DRAIN, games=(G1,), **DOWN),
        "`rtmanager node lost worker-1`",
    ),
    "silent, empty": (view(**DOWN), "no game is on it"),
    "lost": (view(NodeMark.OFF, ended=(G1, G2), **DOWN), "2 games are left of it to be started"),
    "lost, done": (view(NodeMark.OFF, **DOWN), "none of its games is left"),
    "back after a loss": (view(NodeMark.OFF, ended=(G1,)), "stopped before anything else"),
    "back": (view(NodeMark.INTERRUPTED, ended=(G1,)), "1 engine ended with it"),
    "drained": (view(NodeMark.DRAIN, games=(G1,)), "1 game is left to be moved"),
    "drained, done": (view(NodeMark.DRAIN), "none is placed there until `rtmanager node activate"),
    "unknown": (view(state=NodeState.UNKNOWN, games=(G1,)), "look at the Docker daemon there"),
    "paused by Swarm": (
        view(availability="pause"),
        "`docker node update --availability active worker-1`",
    ),
}


@pytest.mark.parametrize(("seen", "words"), SAID.values(), ids=SAID)
def test_state_is_explained(seen: NodeView, words: str) -> None:
    """Each says what it means, and what to do if there is something."""
    said = advice(seen)

    assert said is not None
    assert words in said
    assert said.endswith(".")


@pytest.mark.parametrize("seen", [view(), view(games=(G1,)), view(NodeMark.INTERRUPTED)])
def test_of_a_node_that_is_as_it_should_be_nothing_is_said(seen: NodeView) -> None:
    """A list of two hundred nodes shows what needs somebody."""
    assert advice(seen) is None


@pytest.mark.parametrize("name", ["a; rm -rf /", "$(reboot)", "-x", "`id`", ""])
def test_command_never_contains_a_name_that_a_shell_would_read(name: str) -> None:
    """Whoever names a machine does not write the commands of operators."""
    said = advice(view(games=(G1,), name=name, **DOWN))

    assert said is not None
    assert "`rtmanager node lost n1`" in said


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        (view(games=(G1,)), None),
        (view(games=(G1,), **DOWN), None),
        (view(NodeMark.DRAIN, games=(G1, G2)), 2),
        (view(NodeMark.OFF, games=(G1,), ended=(G1, G2), **DOWN), 2),
        (view(NodeMark.OFF, **DOWN), 0),
        (view(NodeMark.INTERRUPTED, ended=(G2,)), 1),
    ],
)
def test_games_are_left_only_where_they_have_to_leave(seen: NodeView, left: int | None) -> None:
    """A game with an old and a new engine counts once."""
    assert seen.games_left == left
