"""Engines that Swarm rejects while they run, because their nodes suit them no more.

Measured on 20.10: once a label is taken from a node that a placement constraint asks for, the
task is `rejected` at once, with its process's number; its engine ran on for 1.3 s, and may for the
whole grace period. Scaled to none, the task was forgotten while its engine still ran.
"""

from pathlib import Path

import pytest

from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.swarm.nodes import SwarmNodes
from rtmanager.domain.container import ContainerId, ContainerStatus
from rtmanager.domain.node import NodeMark
from rtmanager.domain.ports.container_host import ContainerRuns, DockerUnavailable
from tests.contract.ports.docker_fixtures import inspected, running
from tests.contract.ports.memory_swarms import MemorySwarmWorld

UNTIL_DOWN = 20.0
UNTIL_OVER = 60.0


@pytest.fixture
def world(tmp_path: Path) -> MemorySwarmWorld:
    """Return a Swarm of one node."""
    return MemorySwarmWorld(str(tmp_path))


async def given_up(world: MemorySwarmWorld) -> ContainerId:
    """Return a running engine that Swarm has just given up."""
    container_id = await running(world)
    for task in list(world.swarm.tasks_of(container_id)):
        world.swarm.managers.give_up(task)
    return container_id


async def mark(world: MemorySwarmWorld, mark: NodeMark) -> None:
    """Mark the node as it is now."""
    nodes = SwarmNodes(InMemorySwarmApi(swarm=world.swarm))
    (node,) = await nodes.list_nodes()
    await nodes.mark(node, mark)


async def test_it_runs_until_its_node_has_surely_ended_it(world: MemorySwarmWorld) -> None:
    """Nothing shows its end; then it was lost, and is started where it suits."""
    container_id = await given_up(world)
    assert world.swarm.writers()
    assert (await inspected(world, container_id)).is_running

    await world.pass_time(UNTIL_OVER)

    seen = await inspected(world, container_id)
    assert not world.swarm.writers()
    assert not seen.is_running
    assert seen.is_lost
    assert seen.exit_code is None


async def test_it_is_neither_stopped_nor_removed_meanwhile(world: MemorySwarmWorld) -> None:
    """Swarm would forget it, and the engine would seem to have ended."""
    container_id = await given_up(world)

    with pytest.raises(DockerUnavailable, match="is ending"):
        await world.host.stop(container_id, grace=1)
    with pytest.raises(ContainerRuns):
        await world.host.remove(container_id)
    assert (await inspected(world, container_id)).is_running


async def test_behind_a_broken_link_nobody_knows(world: MemorySwarmWorld) -> None:
    """Its node has not heard of it; it ends once the node is back."""
    container_id = await running(world)
    (node,) = world.swarm.nodes.values()
    world.swarm.partition(node)
    for task in list(world.swarm.tasks_of(container_id)):
        world.swarm.managers.give_up(task)
    await world.pass_time(UNTIL_DOWN + UNTIL_OVER)
    assert world.swarm.writers()
    assert (await inspected(world, container_id)).is_out_of_reach

    await mark(world, NodeMark.INTERRUPTED)
    world.swarm.bring_back(node)
    await world.pass_time(4.0)
    assert (await inspected(world, container_id)).is_running
    await world.pass_time(UNTIL_OVER)
    assert not world.swarm.writers()
    assert (await inspected(world, container_id)).is_lost


async def test_a_node_that_is_off_has_ended_it(world: MemorySwarmWorld) -> None:
    """Somebody vouches for that."""
    container_id = await given_up(world)
    world.swarm.power_off(next(iter(world.swarm.nodes.values())))
    await world.pass_time(UNTIL_DOWN + UNTIL_OVER)
    assert (await inspected(world, container_id)).is_out_of_reach

    await mark(world, NodeMark.OFF)

    assert (await inspected(world, container_id)).is_lost


async def test_what_has_ended_does_not_seem_to_run_when_its_node_changes(
    world: MemorySwarmWorld,
) -> None:
    """A mark that is taken away gives the node another date."""
    container_id = await given_up(world)
    await world.pass_time(UNTIL_OVER)
    world.swarm.managers.updated(next(iter(world.swarm.nodes.values())))

    assert not (await inspected(world, container_id)).is_running


async def test_it_is_not_adopted_while_it_is_being_ended(world: MemorySwarmWorld) -> None:
    """A game that was recorded as stopped would be recorded as running."""
    assert (await inspected(world, await given_up(world))).status is ContainerStatus.STARTING
