"""A list of all containers is no snapshot: what it is read from comes in an order that is safe."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.in_memory.swarm_outputs import InMemoryImages, InMemoryOutputs
from rtmanager.adapters.swarm.api import Json
from rtmanager.adapters.swarm.host import SwarmContainerHost
from rtmanager.adapters.swarm.policy import SwarmPolicy
from tests.contract.ports.docker_fixtures import running
from tests.contract.ports.memory_swarms import MemorySwarmWorld
from tests.unit.adapters.swarm.test_ends_with_a_node import interrupt


@dataclass(frozen=True, kw_only=True)
class OutageWhileTasksAreRead(InMemorySwarmApi):
    """Lists tasks as they are after an outage that was not there when the list was asked for."""

    world: MemorySwarmWorld

    async def tasks(self, **filters: Sequence[str]) -> Sequence[Json]:
        """Return the tasks that match, after the outage."""
        await asyncio.sleep(0)
        await interrupt(self.world)
        return await super().tasks(**filters)


async def test_end_that_a_task_shows_finds_the_mark_of_its_outage(tmp_path: Path) -> None:
    """With nodes that were read before, the engine would be taken for one that has crashed."""
    world = MemorySwarmWorld(str(tmp_path))
    container_id = await running(world)
    host = SwarmContainerHost(
        OutageWhileTasksAreRead(swarm=world.swarm, world=world),
        InMemoryImages(world.docker),
        InMemoryOutputs(world.swarm),
        world.clock,
        SwarmPolicy(network=world.network),
    )

    found = {each.id: each for each in await host.list_containers()}

    assert not found[container_id].is_running
    assert found[container_id].is_lost
