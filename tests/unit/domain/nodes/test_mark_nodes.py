"""What an operator's word on a node does, and when it is refused."""

import pytest

from rtmanager.domain.errors import Conflict, NotFound
from rtmanager.domain.node import NodeMark, NodeState
from rtmanager.domain.nodes.mark_nodes import MAX_TRIES, MarkNodes
from rtmanager.domain.ports.cluster_nodes import NodeChanged
from tests.unit.domain.swarm import SwarmWorld


@pytest.fixture
def mark(swarm: SwarmWorld) -> MarkNodes:
    """Return the use case on three nodes."""
    return swarm.manager.cases.mark_nodes


async def test_word_on_a_node_that_is_down_is_written_on_it(
    mark: MarkNodes, swarm: SwarmWorld
) -> None:
    """By its name or its id; the answer shows it."""
    swarm.partition("a")

    assert NodeMark.OFF in (await mark.lost("a")).marks
    assert NodeMark.OFF in (await mark.lost("id-of-a")).marks
    assert NodeMark.OFF in swarm.node("a").marks


@pytest.mark.parametrize("state", [NodeState.READY, NodeState.UNKNOWN])
async def test_word_on_a_node_that_is_not_down_is_refused(
    mark: MarkNodes, swarm: SwarmWorld, state: NodeState
) -> None:
    """Its engines run, or Swarm does not say whether they do."""
    swarm.nodes.change(swarm.node("a").id, state=state)

    with pytest.raises(Conflict, match=state.value):
        await mark.lost("a")

    assert swarm.node("a").marks == {}


async def test_word_on_a_node_that_has_just_come_back_is_refused(
    mark: MarkNodes, swarm: SwarmWorld
) -> None:
    """It was given about an outage that is over."""
    swarm.partition("a")

    async def come_back() -> None:
        swarm.come_back("a")

    swarm.manager.on("nodes.mark", come_back)

    with pytest.raises(Conflict, match="ready"):
        await mark.lost("a")


async def test_node_that_another_has_marked_meanwhile_is_marked_as_well(
    mark: MarkNodes, swarm: SwarmWorld
) -> None:
    """The leader marks a node at the moment at which an operator does."""
    swarm.partition("a")

    async def interrupt() -> None:
        await swarm.nodes.mark(swarm.node("a"), NodeMark.INTERRUPTED)

    swarm.manager.on("nodes.mark", interrupt)

    assert set((await mark.lost("a")).marks) == {NodeMark.INTERRUPTED, NodeMark.OFF}


async def test_node_that_keeps_changing_is_a_conflict(mark: MarkNodes, swarm: SwarmWorld) -> None:
    """Nobody tries for ever."""
    swarm.manager.on("nodes.mark", NodeChanged(), always=True)

    with pytest.raises(NodeChanged):
        await mark.drain("a")

    assert swarm.manager.calls.count("nodes.mark") == MAX_TRIES


async def test_drain_and_its_end(mark: MarkNodes) -> None:
    """Both may be repeated."""
    for _ in range(2):
        assert set((await mark.drain("b")).marks) == {NodeMark.DRAIN}
    for _ in range(2):
        assert (await mark.activate("b")).marks == {}


async def test_unknown_node_names_those_that_are_there(mark: MarkNodes) -> None:
    """A typing error is seen at once."""
    with pytest.raises(NotFound, match="there is no node d; the nodes are: a, b, c"):
        await mark.drain("d")


async def test_name_of_several_nodes_is_refused(mark: MarkNodes, swarm: SwarmWorld) -> None:
    """Swarm allows two machines of one name."""
    swarm.nodes.change(swarm.node("b").id, name="a")

    with pytest.raises(Conflict, match="id-of-a, id-of-b"):
        await mark.drain("a")


async def test_id_names_one_node_whatever_others_are_called(
    mark: MarkNodes, swarm: SwarmWorld
) -> None:
    """A machine may name itself by the id of another."""
    swarm.nodes.change(swarm.node("b").id, name="id-of-a")

    assert (await mark.drain("id-of-a")).id == swarm.node("a").id


async def test_single_host_has_no_nodes(mark: MarkNodes, swarm: SwarmWorld) -> None:
    """The answer says so."""
    swarm.nodes.nodes.clear()

    with pytest.raises(Conflict, match="single Docker host"):
        await mark.drain("a")
