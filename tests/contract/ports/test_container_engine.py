"""What the container engine port promises, on the double and on a real Docker engine."""

import asyncio

import pytest

from rtmanager.domain.container import (
    GAME_ID_LABEL,
    KIND,
    KIND_LABEL,
    OWNER,
    OWNER_LABEL,
    ContainerId,
    ContainerStatus,
    ResourceLimits,
)
from rtmanager.domain.ports.container_engine import (
    ContainerGone,
    ContainerNameInUse,
    ContainerStartFailed,
    ImagePullFailed,
    StartConfigInvalid,
)
from tests.contract.ports.docker_fixtures import (
    BY_NAME,
    BY_NUMBER,
    DEAF,
    EXITS,
    EXITS_SAYING,
    EXITS_WITH,
    GOOD,
    LIMITED,
    NO_SUCH_USER,
    OTHER,
    DockerWorld,
    created,
    exited,
    inspected,
    missing_image,
    new_game_id,
    running,
    spec_of,
)

GONE = ContainerId("0" * 64)
OURS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}


async def test_a_reachable_engine_answers_ping(docker_world: DockerWorld) -> None:
    """Ping is silent when the engine answers."""
    await docker_world.engine.ping()


async def test_the_configured_network_is_found(docker_world: DockerWorld) -> None:
    """A network that exists is reported so."""
    assert await docker_world.engine.network_exists()


async def test_a_missing_network_is_reported(docker_world: DockerWorld) -> None:
    """A part of an existing network's name is no network."""
    engine = docker_world.new_engine(network=docker_world.network[:-1])

    assert not await engine.network_exists()


async def test_list_shows_a_container_as_it_was_created(docker_world: DockerWorld) -> None:
    """The list carries id, name, state, labels and image of ours."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.engine.create(spec)

    found = {one.id: one for one in await docker_world.engine.list_containers()}[container_id]

    assert (found.name, found.status) == (spec.name, ContainerStatus.CREATED)
    assert spec.labels.items() <= found.labels.items()
    assert (found.image_id, found.fence, found.is_ours) == (spec.image, 7, True)


async def test_list_shows_the_address_of_what_runs(docker_world: DockerWorld) -> None:
    """One call tells where every engine answers; what does not run is nowhere."""
    made, runs = await created(docker_world), await running(docker_world)
    ended = await running(docker_world)
    await docker_world.engine.stop(ended, grace=5)

    listed = {one.id: one.address for one in await docker_world.engine.list_containers()}

    assert listed[runs] == (await inspected(docker_world, runs)).address
    assert listed[runs]
    assert (listed[made], listed[ended]) == (None, None)


async def test_an_address_on_another_network_is_none_of_ours(docker_world: DockerWorld) -> None:
    """An engine that cannot be reached over our network has no address."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.engine.create(spec)
    await docker_world.engine.start(container_id)
    elsewhere = docker_world.new_engine(network="galaxy-elsewhere")

    named = await elsewhere.named(spec.name)
    found = await elsewhere.inspect(container_id)

    assert named is not None
    assert found is not None
    assert (named.address, found.address) == (None, None)


async def test_list_shows_every_state(docker_world: DockerWorld) -> None:
    """Created, running and exited containers are all listed."""
    made, runs = await created(docker_world), await running(docker_world)
    ended = await running(docker_world, EXITS)
    await exited(docker_world, ended)

    states = {one.id: one.status for one in await docker_world.engine.list_containers()}

    assert states[made] is ContainerStatus.CREATED
    assert states[runs] is ContainerStatus.RUNNING
    assert states[ended] is ContainerStatus.EXITED


@pytest.mark.parametrize(
    "labels", [{}, {OWNER_LABEL: OWNER}, {KIND_LABEL: KIND}, {**OURS, OWNER_LABEL: "another"}]
)
async def test_a_container_without_our_labels_is_not_ours(
    docker_world: DockerWorld, labels: dict[str, str]
) -> None:
    """Both labels are needed."""
    other = docker_world.add_foreign(new_game_id(), labels, docker_world.network)

    assert other not in {one.id for one in await docker_world.engine.list_containers()}


async def test_a_container_on_another_network_is_not_ours(docker_world: DockerWorld) -> None:
    """Another manager with another network on the same host is left alone."""
    game_id = new_game_id()
    labels = {**OURS, GAME_ID_LABEL: game_id}
    docker_world.add_foreign(new_game_id(), labels, "bridge")

    assert await docker_world.engine.containers_of(game_id) == []


async def test_containers_of_shows_one_game_only(docker_world: DockerWorld) -> None:
    """Two containers of one game are found, those of others are not."""
    game_id = new_game_id()
    first = await created(docker_world, game_id=game_id)
    second = await created(docker_world, game_id=game_id, name=f"{game_id}-second")
    await created(docker_world)

    found = await docker_world.engine.containers_of(game_id)

    assert {one.id for one in found} == {first, second}


async def test_named_finds_a_stranger(docker_world: DockerWorld) -> None:
    """A name's holder is found whoever owns it."""
    name = new_game_id()
    stranger = docker_world.add_foreign(name, {}, docker_world.network)

    found = await docker_world.engine.named(name)

    assert found is not None
    assert (found.id, found.is_ours) == (stranger, False)


async def test_named_takes_the_exact_name_only(docker_world: DockerWorld) -> None:
    """Neither a part of a name nor the id is the name."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.engine.create(spec)

    assert await docker_world.engine.named(spec.name[:-1]) is None
    assert await docker_world.engine.named(container_id) is None
    assert await docker_world.engine.named(container_id[:12]) is None


async def test_inspect_shows_a_created_container(docker_world: DockerWorld) -> None:
    """Before its start a container has no times and no address."""
    found = await inspected(docker_world, await created(docker_world))

    assert found.status is ContainerStatus.CREATED
    assert (found.started_at, found.finished_at, found.address) == (None, None, None)


async def test_inspect_shows_a_running_container(docker_world: DockerWorld) -> None:
    """A running container has an address and a start time, and no end."""
    found = await inspected(docker_world, await running(docker_world))

    assert (found.is_running, found.exit_code, found.oom_killed) == (True, 0, False)
    assert found.address
    assert found.started_at
    assert found.started_at >= found.created_at
    assert (found.finished_at, found.restart_count, found.health) == (None, 0, None)


async def test_inspect_shows_how_a_container_ended(docker_world: DockerWorld) -> None:
    """An exited container has its exit code and end time, and no address any more."""
    found = await exited(docker_world, await running(docker_world, EXITS))

    assert (found.status, found.exit_code) == (ContainerStatus.EXITED, EXITS_WITH)
    assert (found.address, found.oom_killed) == (None, False)
    assert found.finished_at is not None


async def test_inspect_of_a_missing_container_is_none(docker_world: DockerWorld) -> None:
    """A container that does not exist is an answer, not an error."""
    assert await docker_world.engine.inspect(GONE) is None


async def test_a_vanished_container_is_none(docker_world: DockerWorld) -> None:
    """What others removed is gone for us too."""
    container_id = await running(docker_world)
    docker_world.vanish(container_id)

    assert await docker_world.engine.inspect(container_id) is None


async def test_a_killed_container_has_exited(docker_world: DockerWorld) -> None:
    """What others killed has exited with the code of the signal."""
    container_id = await running(docker_world)
    docker_world.kill(container_id)

    found = await inspected(docker_world, container_id)

    assert (found.status, found.exit_code) == (ContainerStatus.EXITED, 137)


async def test_an_address_goes_to_the_next_container(docker_world: DockerWorld) -> None:
    """Docker recycles addresses, so nobody may store one."""
    first = await running(docker_world)
    address = (await inspected(docker_world, first)).address
    await docker_world.engine.stop(first, grace=5)

    assert (await inspected(docker_world, await running(docker_world))).address == address


async def test_a_container_inherits_the_labels_of_its_image(docker_world: DockerWorld) -> None:
    """What the image says stays visible beside our labels."""
    container_id = await created(docker_world, LIMITED)

    assert (await inspected(docker_world, container_id)).labels["com.galaxy.memory"] == "64m"


async def test_logs_return_the_last_lines(docker_world: DockerWorld) -> None:
    """What an engine said last is kept beyond its end."""
    container_id = await running(docker_world, EXITS)
    await exited(docker_world, container_id)

    assert (await docker_world.engine.logs(container_id, lines=1))[-1] == EXITS_SAYING


async def test_logs_of_no_lines_are_empty(docker_world: DockerWorld) -> None:
    """Zero lines are zero lines, not all of them."""
    container_id = await running(docker_world, EXITS)
    await exited(docker_world, container_id)

    assert await docker_world.engine.logs(container_id, lines=0) == ()


async def test_logs_of_a_missing_container_are_empty(docker_world: DockerWorld) -> None:
    """A container that is gone has nothing to say."""
    assert await docker_world.engine.logs(GONE, lines=10) == ()


async def test_an_image_is_found_by_reference_and_by_id(docker_world: DockerWorld) -> None:
    """Both lead to the same image."""
    by_reference = await docker_world.engine.image(GOOD)
    assert by_reference is not None

    assert await docker_world.engine.image(by_reference.id) == by_reference


async def test_an_image_is_found_by_any_spelling(docker_world: DockerWorld) -> None:
    """Docker's default host may be written or not."""
    plain = await docker_world.engine.image(GOOD)

    assert plain is not None
    assert await docker_world.engine.image(f"docker.io/{GOOD}") == plain


async def test_an_image_shows_its_labels_and_user(docker_world: DockerWorld) -> None:
    """Limits and the state directory's owner are read from the image."""
    limited = await docker_world.engine.image(LIMITED)
    user = await docker_world.engine.image(BY_NAME)

    assert limited is not None
    assert user is not None
    assert limited.labels["com.galaxy.memory"] == "64m"
    assert (limited.user, user.user) == ("", "engine")


async def test_a_missing_image_is_none(docker_world: DockerWorld) -> None:
    """An image that is not on the host is an answer, not an error."""
    assert await docker_world.engine.image("galaxy/game:0.0.0-missing") is None
    assert await docker_world.engine.image(missing_image()) is None


@pytest.mark.parametrize(
    ("reference", "owner"), [(GOOD, (0, 0)), (BY_NUMBER, (4242, 4242)), (BY_NAME, (4243, 4243))]
)
async def test_the_owner_is_the_image_user(
    docker_world: DockerWorld, reference: str, owner: tuple[int, int]
) -> None:
    """Root by default, numbers as they are, names by the image's own files."""
    image = await docker_world.engine.image(reference)

    assert image is not None
    assert await docker_world.engine.image_owner(image) == owner


async def test_an_unknown_user_is_a_configuration_fault(docker_world: DockerWorld) -> None:
    """An image that names a user it does not have cannot be started."""
    image = await docker_world.engine.image(NO_SUCH_USER)
    assert image is not None

    with pytest.raises(StartConfigInvalid, match="nobody-knows"):
        await docker_world.engine.image_owner(image)


async def test_create_refuses_a_name_of_ours(docker_world: DockerWorld) -> None:
    """One game has one container of its name."""
    spec = await spec_of(docker_world)
    await docker_world.engine.create(spec)

    with pytest.raises(ContainerNameInUse, match="already in use"):
        await docker_world.engine.create(spec)


async def test_trap_dead_container_blocks_name(docker_world: DockerWorld) -> None:
    """A leftover owns its name: a stranger's is told apart and left, removing ours frees it."""
    spec = await spec_of(docker_world)
    stranger = docker_world.add_foreign(spec.name, {}, docker_world.network)
    with pytest.raises(ContainerNameInUse):
        await docker_world.engine.create(spec)
    holder = await docker_world.engine.named(spec.name)
    assert holder is not None
    assert (holder.id, holder.is_ours) == (stranger, False)

    docker_world.vanish(ContainerId(stranger))
    leftover = await docker_world.engine.create(spec)
    await docker_world.engine.remove(leftover)

    assert await docker_world.engine.create(spec) != leftover


async def test_create_refuses_a_missing_image(docker_world: DockerWorld) -> None:
    """An image that went away meanwhile is a configuration fault."""
    spec = await spec_of(docker_world, image=missing_image())

    with pytest.raises(StartConfigInvalid, match="No such image"):
        await docker_world.engine.create(spec)


async def test_create_refuses_a_missing_state_directory(docker_world: DockerWorld) -> None:
    """The directory is never made by the engine, as root, behind our back."""
    spec = await spec_of(docker_world, state_path=f"{docker_world.state_path}/missing")

    with pytest.raises(StartConfigInvalid, match="bind source path does not exist"):
        await docker_world.engine.create(spec)


@pytest.mark.parametrize(
    "limits",
    [
        ResourceLimits(cpu_quota=1.0, memory_bytes=1 << 20, pids_limit=64),
        ResourceLimits(cpu_quota=4096.0, memory_bytes=64 << 20, pids_limit=64),
    ],
)
async def test_create_refuses_impossible_limits(
    docker_world: DockerWorld, limits: ResourceLimits
) -> None:
    """Too little memory or more cores than there are is a configuration fault."""
    with pytest.raises(StartConfigInvalid):
        await created(docker_world, limits=limits)


async def test_start_of_a_running_container_is_a_no_op(docker_world: DockerWorld) -> None:
    """Starting twice is starting once."""
    container_id = await running(docker_world)
    before = await inspected(docker_world, container_id)

    await docker_world.engine.start(container_id)

    assert await inspected(docker_world, container_id) == before


async def test_a_stopped_container_starts_again(docker_world: DockerWorld) -> None:
    """The same container runs again, its old end forgotten."""
    container_id = await running(docker_world)
    await docker_world.engine.stop(container_id, grace=5)

    await docker_world.engine.start(container_id)

    found = await inspected(docker_world, container_id)
    assert (found.is_running, found.exit_code, found.finished_at) == (True, 0, None)


async def test_start_without_the_network_fails(docker_world: DockerWorld) -> None:
    """A missing network is a failed start with the engine's words, and the container stays."""
    missing = f"missing-{new_game_id()}"
    container_id = await created(docker_world, network=missing)

    with pytest.raises(ContainerStartFailed, match=f"network {missing} not found"):
        await docker_world.engine.start(container_id)

    assert (await inspected(docker_world, container_id)).status is ContainerStatus.CREATED
    await docker_world.engine.remove(container_id)


async def test_stop_ends_the_engine(docker_world: DockerWorld) -> None:
    """An engine that minds the signal ends by it."""
    container_id = await running(docker_world)

    await docker_world.engine.stop(container_id, grace=10)

    found = await inspected(docker_world, container_id)
    assert (found.status, found.exit_code) == (ContainerStatus.EXITED, 143)


async def test_stop_kills_an_engine_that_does_not_listen(docker_world: DockerWorld) -> None:
    """After the timeout comes the kill."""
    container_id = await running(docker_world, DEAF)

    await docker_world.engine.stop(container_id, grace=1)

    assert (await inspected(docker_world, container_id)).exit_code == 137


async def test_stop_of_what_does_not_run_is_a_no_op(docker_world: DockerWorld) -> None:
    """Created and exited containers stay as they are."""
    made, ended = await created(docker_world), await running(docker_world, EXITS)
    before = await exited(docker_world, ended)

    await docker_world.engine.stop(made, grace=1)
    await docker_world.engine.stop(ended, grace=1)

    assert (await inspected(docker_world, made)).status is ContainerStatus.CREATED
    assert await inspected(docker_world, ended) == before


async def test_rename_moves_the_name(docker_world: DockerWorld) -> None:
    """The new name is taken and the old one is free."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.engine.create(spec)

    await docker_world.engine.rename(container_id, f"{spec.name}.parked-7")

    parked = await docker_world.engine.named(f"{spec.name}.parked-7")
    assert parked is not None
    assert parked.id == container_id
    assert await docker_world.engine.named(spec.name) is None


async def test_rename_refuses_a_taken_name(docker_world: DockerWorld) -> None:
    """Nobody's name is taken away."""
    spec = await spec_of(docker_world)
    await docker_world.engine.create(spec)
    other = await created(docker_world, OTHER)

    with pytest.raises(ContainerNameInUse):
        await docker_world.engine.rename(other, spec.name)


async def test_changing_a_missing_container_says_that_it_is_gone(
    docker_world: DockerWorld,
) -> None:
    """Start, stop and rename tell a missing container from every other refusal."""
    with pytest.raises(ContainerGone):
        await docker_world.engine.start(GONE)
    with pytest.raises(ContainerGone):
        await docker_world.engine.stop(GONE, grace=1)
    with pytest.raises(ContainerGone):
        await docker_world.engine.rename(GONE, new_game_id())


async def test_remove_takes_a_running_container(docker_world: DockerWorld) -> None:
    """Removal needs no stop."""
    container_id = await running(docker_world)

    await docker_world.engine.remove(container_id)

    assert await docker_world.engine.inspect(container_id) is None


async def test_remove_of_a_missing_container_is_a_no_op(docker_world: DockerWorld) -> None:
    """What is gone need not be removed."""
    await docker_world.engine.remove(GONE)


async def test_trap_name_still_in_use_after_rm(docker_world: DockerWorld) -> None:
    """After a removal, even one that two ask for at once, the name is free at once."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.engine.create(spec)
    await docker_world.engine.start(container_id)

    await asyncio.gather(*(docker_world.engine.remove(container_id) for _ in range(4)))

    assert await docker_world.engine.create(spec) != container_id


async def test_pull_brings_the_image_to_the_host(docker_world: DockerWorld) -> None:
    """What was pulled can be looked up by its reference."""
    reference = docker_world.publish()
    assert await docker_world.engine.image(reference) is None
    lines: list[str] = []

    pulled = await docker_world.engine.pull(reference, progress=lines.append)

    assert await docker_world.engine.image(reference) == pulled
    assert lines
    assert reference in lines[0]


async def test_concurrent_pulls_of_one_reference_all_succeed(docker_world: DockerWorld) -> None:
    """Everyone who asks gets the image."""
    reference = docker_world.publish()

    pulled = await asyncio.gather(
        *(docker_world.engine.pull(reference, progress=lambda _: None) for _ in range(5))
    )

    assert len({image.id for image in pulled}) == 1


async def test_pull_of_a_missing_tag_fails(docker_world: DockerWorld) -> None:
    """The registry's own words say that the tag is missing."""
    reference = docker_world.publish().replace(":1.0.0", ":9.9.9")

    with pytest.raises(ImagePullFailed, match="manifest unknown"):
        await docker_world.engine.pull(reference, progress=lambda _: None)


async def test_pull_from_a_registry_that_is_down_fails(docker_world: DockerWorld) -> None:
    """A registry that refuses connections is a failed pull, not an unavailable engine."""
    with pytest.raises(ImagePullFailed, match="connection refused"):
        await docker_world.engine.pull(docker_world.registry_fails(), progress=lambda _: None)
