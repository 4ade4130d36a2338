"""The container host port's calls that read containers, on the double and on a real Docker."""

import pytest

from rtmanager.domain.container import (
    GAME_ID_LABEL,
    INSTALLATION_LABEL,
    KIND,
    KIND_LABEL,
    OWNER,
    OWNER_LABEL,
    ContainerId,
    ContainerStatus,
)
from tests.contract.ports.docker_fixtures import (
    created,
    exited,
    inspected,
    running,
    spec_of,
)
from tests.contract.ports.docker_worlds import (
    EXITS,
    EXITS_SAYING,
    EXITS_WITH,
    LIMITED,
    DockerWorld,
    new_game_id,
)

GONE = ContainerId("0" * 64)
OURS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}


async def test_a_reachable_docker_answers_ping(docker_world: DockerWorld) -> None:
    """Ping raises nothing when Docker answers."""
    await docker_world.host.ping()


async def test_the_configured_network_is_found(docker_world: DockerWorld) -> None:
    """An existing network is reported as present."""
    assert await docker_world.host.network_exists()


async def test_a_missing_network_is_reported(docker_world: DockerWorld) -> None:
    """A prefix of an existing network's name does not count as that network."""
    host = docker_world.new_host(network=docker_world.network[:-1])

    assert not await host.network_exists()


async def test_list_shows_a_container_as_it_was_created(docker_world: DockerWorld) -> None:
    """The list shows id, name, state, labels and image of our containers."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.host.create(spec)

    found = {one.id: one for one in await docker_world.host.list_containers()}[container_id]

    assert (found.name, found.status) == (spec.name, ContainerStatus.CREATED)
    assert spec.labels.items() <= found.labels.items()
    assert (found.image_id, found.fence, found.has_our_labels) == (spec.image, 7, True)


async def test_list_shows_every_state(docker_world: DockerWorld) -> None:
    """One list call shows created, running and exited containers, and the addresses of engines.

    For how long one has been running at least, Docker's words round down.
    """
    made, runs = await created(docker_world), await running(docker_world)
    ended = await running(docker_world, EXITS)
    await exited(docker_world, ended)

    listed = {one.id: one for one in await docker_world.host.list_containers()}

    assert [listed[each].status for each in (made, runs, ended)] == [
        ContainerStatus.CREATED,
        ContainerStatus.RUNNING,
        ContainerStatus.EXITED,
    ]
    assert listed[runs].address == (await inspected(docker_world, runs)).address
    assert listed[runs].address
    assert (listed[made].address, listed[ended].address) == (None, None)
    assert (listed[made].up_for, listed[made].health) == (None, None)
    assert listed[runs].health is None
    assert 0 <= (listed[runs].up_for or 0.0) < 60


@pytest.mark.parametrize(
    "labels", [{}, {OWNER_LABEL: OWNER}, {KIND_LABEL: KIND}, {**OURS, OWNER_LABEL: "another"}]
)
async def test_a_container_without_our_labels_is_not_ours(
    docker_world: DockerWorld, labels: dict[str, str]
) -> None:
    """A container is ours only with both labels."""
    other = docker_world.add_foreign(new_game_id(), labels, docker_world.network)

    assert other not in {one.id for one in await docker_world.host.list_containers()}


async def test_a_container_on_another_network_is_listed(docker_world: DockerWorld) -> None:
    """A container on another network is listed with that network; callers decide whose it is."""
    game_id = new_game_id()
    labels = {**OURS, GAME_ID_LABEL: game_id}
    docker_world.add_foreign(new_game_id(), labels, "bridge")

    (found,) = await docker_world.host.containers_of(game_id)

    assert (found.network, found.address) == ("bridge", None)


async def test_trap_two_installations_one_host(docker_world: DockerWorld) -> None:
    """List and inspection both show another installation's label."""
    game_id = new_game_id()
    labels = {**OURS, GAME_ID_LABEL: game_id, INSTALLATION_LABEL: "another"}
    docker_world.add_foreign(new_game_id(), labels, docker_world.network)

    (found,) = await docker_world.host.containers_of(game_id)

    assert (found.installation, found.network) == ("another", docker_world.network)
    seen = await inspected(docker_world, found.id)
    assert (seen.installation, seen.network) == ("another", docker_world.network)


async def test_inspect_shows_where_the_state_is(docker_world: DockerWorld) -> None:
    """Inspection shows the host directory mounted as the engine's state, if there is one."""
    ours = await inspected(docker_world, await created(docker_world))
    stranger = docker_world.add_foreign(new_game_id(), {}, docker_world.network)

    assert ours.state_path == docker_world.state_path
    assert (await inspected(docker_world, ContainerId(stranger))).state_path is None


async def test_containers_of_shows_one_game_only(docker_world: DockerWorld) -> None:
    """All containers of one game are found, and none of other games."""
    game_id = new_game_id()
    first = await created(docker_world, game_id=game_id)
    second = await created(docker_world, game_id=game_id, name=f"{game_id}-second")
    await created(docker_world)

    found = await docker_world.host.containers_of(game_id)

    assert {one.id for one in found} == {first, second}


async def test_named_finds_a_stranger(docker_world: DockerWorld) -> None:
    """The container with a name is found whoever owns it."""
    name = new_game_id()
    stranger = docker_world.add_foreign(name, {}, docker_world.network)

    found = await docker_world.host.named(name)

    assert found is not None
    assert (found.id, found.has_our_labels) == (stranger, False)


async def test_named_takes_the_exact_name_only(docker_world: DockerWorld) -> None:
    """Neither a prefix of the name nor an id matches."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.host.create(spec)

    assert await docker_world.host.named(spec.name[:-1]) is None
    assert await docker_world.host.named(container_id) is None
    assert await docker_world.host.named(container_id[:12]) is None


async def test_inspect_shows_a_created_container(docker_world: DockerWorld) -> None:
    """Before its start a container has no times and no address."""
    found = await inspected(docker_world, await created(docker_world))

    assert found.status is ContainerStatus.CREATED
    assert (found.started_at, found.finished_at, found.address) == (None, None, None)


async def test_a_running_container_is_shown_by_id_and_by_name(docker_world: DockerWorld) -> None:
    """A running container has an address, on our network only, a start time, and no end."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.host.create(spec)
    await docker_world.host.start(container_id)
    elsewhere = docker_world.new_host(network="galaxy-elsewhere")

    found = await inspected(docker_world, container_id)
    named_elsewhere = await elsewhere.named(spec.name)
    found_elsewhere = await elsewhere.inspect(container_id)

    assert (found.is_running, found.exit_code, found.oom_killed) == (True, 0, False)
    assert found.address
    assert found.started_at
    assert found.started_at >= found.created_at
    assert (found.finished_at, found.restart_count, found.health) == (None, 0, None)
    assert await docker_world.host.named(spec.name) == found
    assert named_elsewhere is not None
    assert found_elsewhere is not None
    assert (named_elsewhere.address, found_elsewhere.address) == (None, None)


async def test_a_container_that_ended_shows_how(docker_world: DockerWorld) -> None:
    """It has its exit code, end time and last lines, and no address any more."""
    container_id = await running(docker_world, EXITS)
    found = await exited(docker_world, container_id)

    assert (found.status, found.exit_code) == (ContainerStatus.EXITED, EXITS_WITH)
    assert (found.address, found.oom_killed) == (None, False)
    assert found.finished_at is not None
    assert (await docker_world.host.logs(container_id, lines=1))[-1] == EXITS_SAYING
    assert await docker_world.host.logs(container_id, lines=0) == ()


async def test_inspect_of_a_missing_container_is_none(docker_world: DockerWorld) -> None:
    """Inspecting a missing container returns None, not an error."""
    assert await docker_world.host.inspect(GONE) is None


async def test_a_vanished_container_is_none(docker_world: DockerWorld) -> None:
    """A container that others removed is gone for us as well."""
    container_id = await running(docker_world)
    docker_world.vanish(container_id)

    assert await docker_world.host.inspect(container_id) is None


async def test_a_killed_container_has_exited(docker_world: DockerWorld) -> None:
    """A container that others killed has exited with the signal's code."""
    container_id = await running(docker_world)
    docker_world.kill(container_id)

    found = await inspected(docker_world, container_id)

    assert (found.status, found.exit_code) == (ContainerStatus.EXITED, 137)


async def test_an_address_goes_to_the_next_container(docker_world: DockerWorld) -> None:
    """Docker reuses addresses, so they must not be stored; a Swarm does once it has given all."""
    first = await running(docker_world)
    address = (await inspected(docker_world, first)).address
    await docker_world.host.stop(first, grace=5)

    next_one = (await inspected(docker_world, await running(docker_world))).address
    assert (next_one == address) is not docker_world.is_swarm


async def test_a_container_inherits_the_labels_of_its_image(docker_world: DockerWorld) -> None:
    """The image's labels are visible next to ours; a service has none but ours."""
    container_id = await created(docker_world, LIMITED)

    limit = (await inspected(docker_world, container_id)).labels.get("com.galaxy.memory")
    assert limit == (None if docker_world.is_swarm else "64m")


async def test_logs_of_a_missing_container_are_empty(docker_world: DockerWorld) -> None:
    """A missing container has no output."""
    assert await docker_world.host.logs(GONE, lines=10) == ()


async def test_what_a_container_has_written_is_counted(docker_world: DockerWorld) -> None:
    """The size covers the container's own files, not those of its image or its mounts.

    A Swarm does not show it.
    """
    before, after = await running(docker_world), await running(docker_world)
    docker_world.write(after, 3 << 20)

    sizes = [await docker_world.host.disk_use(each) for each in (before, after)]
    shown = [None if size is None else size >> 20 for size in sizes]
    assert shown == ([None, None] if docker_world.is_swarm else [0, 3])


async def test_a_missing_container_has_written_nothing(docker_world: DockerWorld) -> None:
    """A container may be removed meanwhile."""
    assert await docker_world.host.disk_use(GONE) == 0
