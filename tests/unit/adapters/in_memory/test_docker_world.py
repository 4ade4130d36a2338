"""In the in-memory Docker others change containers and the list lags, as in a real one."""

import pytest

from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.container import OWNER_LABEL, ContainerStatus
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import (
    ContainerGone,
    ContainerNameInUse,
    ContainerRuns,
    ContainerStartFailed,
)
from tests.unit.adapters.in_memory.slow_docker import SteppingClock, add

REFERENCE = ImageRef.parse("galaxy/game:1.4.7")


async def test_the_list_may_lag_behind_an_inspection(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The list shows states of some seconds ago, but new containers at once."""
    docker.lag = 2.0
    engine = add(docker)
    clock.advance(5.0)
    docker.run(engine)
    clock.advance(1.0)
    docker.crash(engine.id)
    states = []

    for _ in range(4):
        states.append([one.status for one in await host.list_containers()])
        clock.advance(0.75)

    assert states == [
        [ContainerStatus.CREATED],
        [ContainerStatus.CREATED],
        [ContainerStatus.RUNNING],
        [ContainerStatus.EXITED],
    ]


async def test_others_are_bound_by_dockers_rules(docker: InMemoryDocker) -> None:
    """Others cannot take a name that is in use either."""
    add(docker)
    other = add(docker, "b")

    with pytest.raises(ContainerNameInUse):
        docker.rename(other.id, "a")


async def test_others_may_replace_a_container(
    docker: InMemoryDocker, host: InMemoryContainerHost
) -> None:
    """The replacement keeps name and labels and has a new id."""
    old = add(docker, running=True)

    new = docker.recreate(old.id)

    found = await host.named("a")
    assert found is not None
    assert (found.id, found.has_our_labels, found.is_running) == (new.id, True, False)
    assert new.id != old.id
    with pytest.raises(ContainerGone):
        await host.start(old.id)


async def test_a_removal_by_force_may_show_before_the_engine_has_died(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """A container being removed may still have a running process."""
    engine = add(docker, running=True)
    docker.vanish(engine.id, after=3.0)

    found = await host.inspect(engine.id)
    assert found is not None
    assert (found.is_being_removed, engine.is_running) == (True, True)
    clock.advance(3.0)
    assert await host.inspect(engine.id) is None
    assert not engine.is_running


async def test_labels_networks_and_images_go_missing(
    docker: InMemoryDocker, host: InMemoryContainerHost
) -> None:
    """Others may remove labels, networks and images."""
    docker.add_image(REFERENCE.text)
    made = add(docker)
    docker.drop_labels(made.id, OWNER_LABEL)
    docker.networks.discard(host.network)
    docker.remove_image(REFERENCE.text)

    assert await host.list_containers() == []
    assert not await host.network_exists()
    assert await host.image(REFERENCE) is None
    with pytest.raises(ContainerStartFailed, match="not found"):
        await host.start(made.id)


async def test_a_running_container_is_not_removed(
    docker: InMemoryDocker, host: InMemoryContainerHost
) -> None:
    """The double refuses to remove a running container, as Docker does."""
    engine = add(docker, running=True)

    with pytest.raises(ContainerRuns):
        await host.remove(engine.id)

    assert engine.is_running
