"""The sentence about a game whose engine is out of reach, or was lost with its node, or moved."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rtmanager.domain.node import NodeMark
from tests.unit.domain.nodes.cycles import NodeCycles
from tests.unit.domain.swarm import SwarmWorld
from tests.unit.domain.world import GAME


async def sentence(swarm: SwarmWorld) -> str:
    """Return the sentence about the game."""
    return (await swarm.manager.cases.explain.run(GAME)).summary


async def test_engine_out_of_reach_is_not_said_to_run(swarm: SwarmWorld) -> None:
    """Nobody knows, and the sentence says what to do."""
    await swarm.manager.start()
    swarm.partition("a")

    assert await sentence(swarm) == (
        "Recorded as running galaxy/game:1.4.7, but node a is down, and nobody knows whether the "
        "engine still runs there until the node is back, or somebody vouches that it is surely "
        "off: rtmanager node lost a."
    )


async def test_engine_that_was_lost_is_to_be_started_elsewhere(swarm: SwarmWorld) -> None:
    """It has not exited by itself."""
    await swarm.manager.start()
    swarm.power_off("a")
    await swarm.nodes.mark(swarm.node("a"), NodeMark.OFF)

    said = await sentence(swarm)

    assert said.startswith("Recorded as running galaxy/game:1.4.7, but its engine was lost with")
    assert said.endswith(
        "it is started on another node; not reconciled yet: the record is running but its engine "
        "was lost with node a."
    )


async def test_move_that_failed_says_why(swarm: SwarmWorld) -> None:
    """An operator has to make room."""
    await swarm.manager.start()
    for name in "bc":
        swarm.partition(name)
    swarm.power_off("a")
    await swarm.nodes.mark(swarm.node("a"), NodeMark.OFF)
    await swarm.manager.cycles.move_lost_games.run()

    said = await sentence(swarm)

    assert "the last restart by the reconciler, because node a was lost failed" not in said
    assert "the last restart by the reconciler (node a was lost) failed and was rolled back" in said
    assert "no suitable node" in said
    assert "has not been started elsewhere yet" in said
    assert "runs as before" not in said


async def test_moved_game_says_why_it_was_restarted(swarm: SwarmWorld) -> None:
    """Its node was lost, or is drained."""
    cycles = NodeCycles(swarm)
    await swarm.manager.start()
    swarm.power_off("a")
    await swarm.nodes.mark(swarm.node("a"), NodeMark.OFF)
    await cycles.move.run()
    assert "restarted by the reconciler (node a was lost)" in await sentence(swarm)

    await cycles.process.cases.mark_nodes.drain("b")
    await cycles.drain.run()

    assert "restarted by the reconciler (node b is drained)" in await sentence(swarm)


async def test_stopped_game_says_that_its_engine_was_lost_before(swarm: SwarmWorld) -> None:
    """The stop found nothing to stop."""
    await swarm.manager.start()
    swarm.power_off("a")
    await swarm.nodes.mark(swarm.node("a"), NodeMark.OFF)
    await swarm.manager.stop()

    assert "but before that its engine was lost with its node" in await sentence(swarm)


PAGE = Path(__file__).parents[4] / "docs/explanations.md"
ROW = re.compile(r"^\| (its node|it was)([^|]*)\| (.*) \|$", re.MULTILINE)
DOCUMENTED = {
    (first + rest).strip(): sentence for first, rest, sentence in ROW.findall(PAGE.read_text())
}


async def _node_is_down(swarm: SwarmWorld) -> None:
    swarm.partition("a")


async def _node_is_off(swarm: SwarmWorld) -> None:
    swarm.power_off("a")
    await swarm.nodes.mark(swarm.node("a"), NodeMark.OFF)


async def _moved_from_a_lost_node(swarm: SwarmWorld) -> None:
    await _node_is_off(swarm)
    await NodeCycles(swarm).move.run()


async def _moved_from_a_drained_node(swarm: SwarmWorld) -> None:
    await _moved_from_a_lost_node(swarm)
    cycles = NodeCycles(swarm)
    await cycles.process.cases.mark_nodes.drain("b")
    await cycles.drain.run()


async def _stopped_after_its_node_was_lost(swarm: SwarmWorld) -> None:
    await _node_is_off(swarm)
    await swarm.manager.stop()


CASES: dict[str, Callable[[SwarmWorld], Awaitable[None]]] = {
    "its node is down": _node_is_down,
    "its node is off": _node_is_off,
    "it was moved from a lost node": _moved_from_a_lost_node,
    "it was moved from a drained node": _moved_from_a_drained_node,
    "it was stopped after its node was lost": _stopped_after_its_node_was_lost,
}


@pytest.mark.parametrize("case", CASES)
async def test_page_has_the_sentence_of_each_case(swarm: SwarmWorld, case: str) -> None:
    """Whoever meets it finds what it means."""
    await swarm.manager.start()
    await CASES[case](swarm)
    said = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", await sentence(swarm))

    assert {**DOCUMENTED, case: said} == DOCUMENTED
    assert DOCUMENTED.keys() == CASES.keys()
