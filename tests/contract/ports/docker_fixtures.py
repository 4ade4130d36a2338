"""Fixtures and steps for tests of container hosts."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dev.swarm.private_swarm import PrivateSwarm
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    IMAGE_REF_LABEL,
    KIND,
    KIND_LABEL,
    OPERATION_LABEL,
    OWNER,
    OWNER_LABEL,
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    ContainerStatus,
    ImageId,
    ResourceLimits,
    container_name,
)
from rtmanager.domain.image_ref import ImageRef
from tests.contract.ports.docker_worlds import (
    GOOD,
    DockerWorld,
    MemoryWorld,
    RealWorld,
    new_game_id,
)
from tests.contract.ports.memory_swarms import MemorySwarmWorld
from tests.contract.ports.swarm_worlds import SwarmWorld
from tests.support.swarm import SwarmNetwork


async def spec_of(world: DockerWorld, reference: str = GOOD, **changes: Any) -> ContainerSpec:
    """Return the spec of one of our containers, of a new game by default."""
    image = await world.host.image(ImageRef.parse(reference))
    assert image is not None, reference
    game_id = changes.pop("game_id", None) or new_game_id()
    labels = {
        OWNER_LABEL: OWNER,
        KIND_LABEL: KIND,
        GAME_ID_LABEL: game_id,
        IMAGE_REF_LABEL: reference,
        OPERATION_LABEL: "7",
    }
    spec = ContainerSpec(
        name=container_name(game_id),
        hostname=container_name(game_id),
        image=image.id,
        labels=labels,
        environment={"STORAGE_PATH": "/var/lib/galaxy-game"},
        network=world.network,
        state_path=world.state_path,
        mount_path="/var/lib/galaxy-game",
        limits=ResourceLimits(cpu_quota=1.0, memory_bytes=64 << 20, pids_limit=64),
        read_only_root=False,
    )
    return replace(spec, **changes)


async def created(world: DockerWorld, reference: str = GOOD, **changes: Any) -> ContainerId:
    """Create one of our containers."""
    return await world.host.create(await spec_of(world, reference, **changes))


async def running(world: DockerWorld, reference: str = GOOD, **changes: Any) -> ContainerId:
    """Create and start one of our containers."""
    container_id = await created(world, reference, **changes)
    await world.host.start(container_id)
    return container_id


async def inspected(world: DockerWorld, container_id: ContainerId) -> ContainerDetails:
    """Return the details of a container that exists."""
    details = await world.host.inspect(container_id)
    assert details is not None
    return details


async def exited(world: DockerWorld, container_id: ContainerId) -> ContainerDetails:
    """Wait until the container has exited on its own."""
    async with asyncio.timeout(20):
        found = await inspected(world, container_id)
        while found.status is ContainerStatus.RUNNING:
            await asyncio.sleep(0.05)  # the real Docker sends no notice
            found = await inspected(world, container_id)
    return found


def missing_image() -> ImageId:
    """Return the id of an image that no host has."""
    return ImageId(f"sha256:{secrets.token_hex(32)}")


@pytest.fixture
async def real_docker(
    docker_host: str,
    docker_network: str,
    demo_images: list[str],
    registry: str,
    state_root: Path,
) -> AsyncIterator[RealWorld]:
    """Return the real Docker under test."""
    assert GOOD in demo_images
    world = RealWorld(docker_host, docker_network, registry, str(state_root))
    yield world
    await world.aclose()


@pytest.fixture
async def real_swarm(
    swarm: PrivateSwarm,
    swarm_network: SwarmNetwork,
    swarm_registry: str,
    state_root: Path,
) -> AsyncIterator[SwarmWorld]:
    """Return the real Swarm under test."""
    world = SwarmWorld(swarm.docker_host, swarm_network.name, swarm_registry, str(state_root))
    yield world
    await world.aclose()


@pytest.fixture(params=["in memory", "in-memory swarm", "docker", "swarm"])
def docker_world(request: pytest.FixtureRequest, state_root: Path) -> DockerWorld:
    """Return each of the Dockers in turn."""
    return _world(request, state_root)


@pytest.fixture(params=["in memory", "docker"])
def image_world(request: pytest.FixtureRequest, state_root: Path) -> DockerWorld:
    """Return each of those that read images; on a Swarm Docker's code does, on a manager."""
    return _world(request, state_root)


def _world(request: pytest.FixtureRequest, state_root: Path) -> DockerWorld:
    if request.param in {"docker", "swarm"}:
        world: DockerWorld = request.getfixturevalue(f"real_{request.param}")
        return world
    if request.param == "in-memory swarm":
        return MemorySwarmWorld(str(state_root))
    return MemoryWorld(str(state_root))
