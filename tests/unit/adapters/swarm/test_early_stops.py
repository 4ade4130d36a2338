"""Stopping an engine before Swarm has made the task of its start."""

from pathlib import Path

from rtmanager.domain.container import ContainerStatus
from tests.contract.ports.docker_fixtures import created, inspected
from tests.contract.ports.memory_swarms import MemorySwarmWorld


async def test_a_start_whose_task_is_not_there_yet_is_taken_back(tmp_path: Path) -> None:
    """The managers are busy; a stop that did nothing would be followed by the engine."""
    world = MemorySwarmWorld(str(tmp_path))
    container_id = await created(world)
    service = world.swarm.services[container_id]
    service.spec["Mode"]["Replicated"]["Replicas"] = 1
    service.spec["TaskTemplate"]["ForceUpdate"] = 1
    assert (await inspected(world, container_id)).status is ContainerStatus.STARTING

    await world.host.stop(container_id, grace=1)
    world.swarm.managers.changed(service)
    await world.pass_time(10.0)

    assert not world.swarm.writers()
    assert not (await inspected(world, container_id)).is_running
