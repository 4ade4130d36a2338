"""What is reserved on the nodes, for whoever asks for that."""

from pathlib import Path
from typing import Any

from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.swarm.nodes import SwarmNodes
from tests.contract.ports.docker_fixtures import running
from tests.contract.ports.memory_swarms import MemorySwarmWorld


class CountedTasks(InMemorySwarmApi):
    """A Swarm that counts how often its tasks are listed."""

    lists = 0

    async def tasks(self, **filters: Any) -> Any:
        """Return them."""
        self.lists += 1
        return await super().tasks(**filters)


async def test_tasks_are_listed_only_for_reservations(tmp_path: Path) -> None:
    """The workers look at the nodes every few seconds, and a large Swarm has many tasks."""
    world = MemorySwarmWorld(str(tmp_path))
    await running(world)
    api = CountedTasks(swarm=world.swarm)
    nodes = SwarmNodes(api)

    (plain,) = await nodes.list_nodes()
    before = api.lists
    (full,) = await nodes.list_nodes(with_reservations=True)

    assert (plain.reserved_memory, before) == (0, 0)
    assert full.reserved_memory > 0
