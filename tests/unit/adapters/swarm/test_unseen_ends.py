"""Stops whose end nobody has seen, on nodes that went down meanwhile."""

from pathlib import Path

import pytest

from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.swarm.nodes import SwarmNodes
from rtmanager.domain.node import NodeMark
from rtmanager.domain.ports.container_host import DockerUnavailable
from tests.contract.ports.docker_fixtures import created, inspected
from tests.contract.ports.memory_swarms import MemorySwarmWorld

UNTIL_DOWN, UNTIL_BACK = 20.0, 5.0


async def say_off(world: MemorySwarmWorld) -> None:
    """Vouch that the only node is off."""
    nodes = SwarmNodes(InMemorySwarmApi(swarm=world.swarm))
    (node,) = await nodes.list_nodes()
    await nodes.mark(node, NodeMark.OFF)


async def test_earlier_word_says_nothing_about_a_later_stop(tmp_path: Path) -> None:
    """The node was off, came back, and is behind a broken link; Swarm has forgotten the task."""
    world = MemorySwarmWorld(str(tmp_path))
    container_id = await created(world)
    (node,) = world.swarm.nodes.values()
    world.swarm.power_off(node)
    await world.pass_time(UNTIL_DOWN)
    await say_off(world)
    world.swarm.bring_back(node)
    await world.pass_time(UNTIL_BACK)
    await world.host.start(container_id)
    world.swarm.partition(node)
    with pytest.raises(DockerUnavailable):
        await world.host.stop(container_id, grace=1)
    await world.pass_time(UNTIL_DOWN)

    world.swarm.tasks.clear()
    assert world.swarm.writers()
    assert (await inspected(world, container_id)).is_out_of_reach

    await say_off(world)
    assert not (await inspected(world, container_id)).is_running
