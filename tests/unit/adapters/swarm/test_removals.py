"""Removals from a Swarm: marked first, so that nothing starts any more, then deleted."""

from pathlib import Path

import pytest

from rtmanager.adapters.in_memory.docker_effects import LOSE_CALL, NORMAL, Fate
from rtmanager.domain.container import ContainerStatus
from rtmanager.domain.ports.container_host import DockerUnavailable
from tests.contract.ports.docker_fixtures import created, inspected
from tests.contract.ports.memory_swarms import MemorySwarmWorld


def _losing_removals(request: str, _service: str) -> Fate:
    return LOSE_CALL if request == "remove_service" else NORMAL


async def test_a_removal_whose_request_was_lost_is_not_under_way_for_ever(tmp_path: Path) -> None:
    """It is shown as dead after a while, so that the reconciler removes it."""
    world = MemorySwarmWorld(str(tmp_path))
    container_id = await created(world)
    world.swarm.fate_of = _losing_removals
    with pytest.raises(DockerUnavailable):
        await world.host.remove(container_id)
    world.swarm.fate_of = None
    assert (await inspected(world, container_id)).status is ContainerStatus.REMOVING

    await world.pass_time(61.0)
    assert (await inspected(world, container_id)).status is ContainerStatus.DEAD
    await world.host.remove(container_id)

    assert await world.host.inspect(container_id) is None
