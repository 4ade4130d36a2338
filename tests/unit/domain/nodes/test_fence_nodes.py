"""About which nodes the fence command is asked, and what its answer is good for."""

import pytest

from rtmanager.domain.node import NodeMark
from rtmanager.domain.nodes.fence_nodes import FIRST_PAUSE, MAX_PAUSE
from tests.unit.domain.nodes.cycles import NodeCycles

OFF = NodeMark.OFF


@pytest.fixture
async def down(cycles: NodeCycles) -> NodeCycles:
    """Return a Swarm with a fence command, one of whose nodes has been down for long enough."""
    cycles.swarm.fencing.is_available = True
    cycles.swarm.partition("a")
    await cycles.watch.run()
    await cycles.fence.run()
    cycles.swarm.clock.advance(FIRST_PAUSE)
    return cycles


async def test_without_a_command_nothing_is_asked(down: NodeCycles) -> None:
    """Only an operator can vouch for the node then."""
    down.swarm.fencing.is_available = False
    down.process.calls.clear()

    assert await down.fence.run() == ""
    assert down.process.calls == []


async def test_node_that_the_command_confirms_is_off(
    down: NodeCycles, caplog: pytest.LogCaptureFixture
) -> None:
    """Its games may then start elsewhere."""
    down.swarm.fencing.off = {"a"}

    assert await down.fence.run() == "node a is off, the fence command says"
    assert down.marks("a") == {NodeMark.INTERRUPTED, OFF}
    assert caplog.records[-1].message == "node_fenced"


async def test_command_that_fails_says_nothing(down: NodeCycles) -> None:
    """Nobody knows whether the node is off."""
    assert await down.fence.run() == ""
    assert down.swarm.fencing.asked == ["a"]
    assert OFF not in down.marks("a")


async def test_command_is_not_run_for_a_name_that_two_nodes_have(
    down: NodeCycles, caplog: pytest.LogCaptureFixture
) -> None:
    """The machine has joined anew: it would be switched off, with the games that it runs now."""
    down.swarm.nodes.change(down.swarm.node("b").id, name="a")
    down.swarm.fencing.off = {"a"}

    assert await down.fence.run() == ""
    assert down.swarm.fencing.asked == []
    assert OFF not in down.marks("a")
    assert caplog.records[-1].message == "fence_name_ambiguous"


async def test_command_is_repeated_with_growing_pauses(down: NodeCycles) -> None:
    """An hour of an outage is not a thousand calls."""
    for _ in range(3600):
        await down.fence.run()
        down.swarm.clock.advance(1)

    asked = len(down.swarm.fencing.asked)
    assert 3600 / MAX_PAUSE <= asked <= 3600 / MAX_PAUSE + 6


async def test_node_that_comes_back_at_once_is_never_asked_about(cycles: NodeCycles) -> None:
    """A command that switches machines off must not run for a short interruption."""
    cycles.swarm.fencing.is_available = True
    cycles.swarm.partition("a")
    await cycles.watch.run()
    await cycles.fence.run()
    cycles.swarm.clock.advance(FIRST_PAUSE - 1)
    await cycles.fence.run()
    cycles.swarm.come_back("a")
    cycles.swarm.clock.advance(FIRST_PAUSE)
    await cycles.fence.run()

    assert cycles.swarm.fencing.asked == []


async def test_answer_about_an_earlier_outage_is_not_believed(down: NodeCycles) -> None:
    """The node was off, has come back meanwhile, and is behind a broken link now."""
    down.swarm.fencing.off = {"a"}

    async def come_back_and_go_again() -> None:
        down.swarm.come_back("a")
        await down.move.run()
        down.swarm.partition("a")

    down.process.on("fencing.confirms_off", come_back_and_go_again)

    assert await down.fence.run() == ""
    assert OFF not in down.marks("a")


async def test_node_without_engines_is_not_asked_about(down: NodeCycles) -> None:
    """There is nothing to start elsewhere."""
    for each in down.swarm.on("a"):
        down.swarm.docker.vanish(each.id)

    await down.fence.run()

    assert down.swarm.fencing.asked == []


async def test_node_that_is_off_is_not_asked_about_again(down: NodeCycles) -> None:
    """Its engines have ended, whoever has vouched for that."""
    await down.swarm.nodes.mark(down.swarm.node("a"), OFF)

    await down.fence.run()

    assert down.swarm.fencing.asked == []
