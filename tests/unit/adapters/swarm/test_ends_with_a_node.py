"""Whether an engine has ended by itself, or with its node."""

from pathlib import Path

from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.swarm.nodes import SwarmNodes
from rtmanager.domain.container import ContainerId
from rtmanager.domain.node import NodeMark
from tests.contract.ports.docker_fixtures import inspected, running
from tests.contract.ports.memory_swarms import MemorySwarmWorld


async def interrupt(world: MemorySwarmWorld) -> None:
    """Kill the node's daemon for longer than its heartbeat; the outage is marked meanwhile."""
    nodes = SwarmNodes(InMemorySwarmApi(swarm=world.swarm))
    (node,) = world.swarm.nodes.values()
    world.swarm.kill_daemon(node)
    await world.pass_time(15)
    (seen,) = await nodes.list_nodes()
    await nodes.mark(seen, NodeMark.INTERRUPTED)
    await world.pass_time(5)
    world.swarm.bring_back(node)
    await world.pass_time(10)


async def ended_with_node(world: MemorySwarmWorld, container_id: ContainerId) -> bool:
    """Return whether the engine has ended with its node; it must have ended."""
    found = await inspected(world, container_id)
    assert not found.is_running
    return found.ended_with_node


async def test_an_engine_that_a_new_daemon_has_ended_was_lost_with_its_node(tmp_path: Path) -> None:
    """Swarm shows its task as failed, like that of an engine which ends by itself."""
    world = MemorySwarmWorld(str(tmp_path))
    container_id = await running(world)

    await interrupt(world)

    assert await ended_with_node(world, container_id)


async def test_an_engine_that_ended_after_the_outage_has_ended_by_itself(tmp_path: Path) -> None:
    """The mark of an outage may still be there when an engine that came later ends."""
    world = MemorySwarmWorld(str(tmp_path))
    await interrupt(world)
    container_id = await running(world)

    world.kill(container_id)

    assert not await ended_with_node(world, container_id)
