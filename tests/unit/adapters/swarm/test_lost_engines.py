"""Which ends of engines Swarm shows that are not their own: they were lost with their node."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.swarm.nodes import SwarmNodes
from rtmanager.domain.container import ContainerDetails, ContainerStatus
from rtmanager.domain.node import NodeMark
from tests.contract.ports.docker_fixtures import created, inspected, running
from tests.contract.ports.memory_swarms import MemorySwarmWorld

UNTIL_DOWN, UNTIL_OVER = 20.0, 30.0


@pytest.fixture
def world(tmp_path: Path) -> MemorySwarmWorld:
    """Return a Swarm of one node."""
    return MemorySwarmWorld(str(tmp_path))


async def mark(world: MemorySwarmWorld, mark: NodeMark) -> None:
    """Mark the node as it is now."""
    nodes = SwarmNodes(InMemorySwarmApi(swarm=world.swarm))
    (node,) = await nodes.list_nodes()
    await nodes.mark(node, mark)


def the_node(world: MemorySwarmWorld) -> MemoryNode:
    """Return the only node."""
    return next(iter(world.swarm.nodes.values()))


async def after_outage(
    world: MemorySwarmWorld, strike: Callable[[MemoryNode], None]
) -> ContainerDetails:
    """Return an engine whose node was down, marked, and is back."""
    container_id = await running(world)
    await world.pass_time(5.0)
    strike(the_node(world))
    await world.pass_time(UNTIL_DOWN)
    assert (await inspected(world, container_id)).is_out_of_reach
    await mark(world, NodeMark.INTERRUPTED)
    world.swarm.bring_back(the_node(world))
    await world.pass_time(UNTIL_OVER)
    return await inspected(world, container_id)


@pytest.mark.parametrize("outage", ["partition", "kill_daemon", "power_off"])
async def test_engine_that_ended_with_its_node_was_lost(
    world: MemorySwarmWorld, outage: str
) -> None:
    """However its node went down, and whatever Swarm calls the end of its task."""
    seen = await after_outage(world, getattr(world.swarm, outage))

    assert seen.status is ContainerStatus.EXITED
    assert seen.ended_with_node
    assert seen.placement is not None
    assert not seen.placement.is_down


async def test_engine_that_ended_by_itself_after_an_outage_was_not_lost(
    world: MemorySwarmWorld,
) -> None:
    """It was placed after the node's return; the mark is still there."""
    lost = await after_outage(world, world.swarm.partition)
    await world.host.remove(lost.id)
    later = await running(world)
    world.swarm.crash(later, exit_code=3)
    await world.pass_time(1.0)

    assert not (await inspected(world, later)).ended_with_node


async def test_second_outage_dates_the_mark_anew(world: MemorySwarmWorld) -> None:
    """What was placed since the first one is lost with the second."""
    first = await after_outage(world, world.swarm.kill_daemon)
    await world.host.remove(first.id)

    assert (await after_outage(world, world.swarm.kill_daemon)).ended_with_node


async def test_word_about_one_outage_does_not_hold_for_the_next(world: MemorySwarmWorld) -> None:
    """Whoever vouched that the node was off has said nothing about what it has run since."""
    later = await created(world)
    world.swarm.power_off(the_node(world))
    await world.pass_time(UNTIL_DOWN)
    await mark(world, NodeMark.OFF)
    world.swarm.bring_back(the_node(world))
    await world.pass_time(UNTIL_OVER)
    await world.host.start(later)
    world.swarm.partition(the_node(world))
    await world.pass_time(UNTIL_DOWN)

    assert (await inspected(world, later)).is_out_of_reach
    await mark(world, NodeMark.OFF)
    assert (await inspected(world, later)).ended_with_node
