"""The container host port's calls that change containers, on the double and on a real Docker."""

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
    parked_name,
)
from rtmanager.domain.ports.container_host import (
    ContainerGone,
    ContainerNameInUse,
    ContainerRuns,
    ContainerStartFailed,
    StartConfigInvalid,
)
from tests.contract.ports.docker_fixtures import (
    created,
    exited,
    inspected,
    missing_image,
    running,
    spec_of,
)
from tests.contract.ports.docker_worlds import (
    DEAF,
    EXITS,
    OTHER,
    DockerWorld,
    RealWorld,
    new_game_id,
)

GONE = ContainerId("0" * 64)
OURS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}


async def test_create_refuses_a_name_of_ours(docker_world: DockerWorld) -> None:
    """A game has at most one container of its name."""
    spec = await spec_of(docker_world)
    await docker_world.host.create(spec)

    with pytest.raises(ContainerNameInUse, match="already in use"):
        await docker_world.host.create(spec)


async def test_trap_dead_container_blocks_name(docker_world: DockerWorld) -> None:
    """A taken name says whose container has it; removing ours frees the name."""
    spec = await spec_of(docker_world)
    stranger = docker_world.add_foreign(spec.name, {}, docker_world.network)
    with pytest.raises(ContainerNameInUse):
        await docker_world.host.create(spec)
    holder = await docker_world.host.named(spec.name)
    assert holder is not None
    assert (holder.id, holder.has_our_labels) == (stranger, False)

    docker_world.vanish(ContainerId(stranger))
    leftover = await docker_world.host.create(spec)
    await docker_world.host.remove(leftover)

    assert await docker_world.host.create(spec) != leftover


async def test_create_refuses_a_missing_image(docker_world: DockerWorld) -> None:
    """An image that was removed meanwhile is a configuration fault."""
    spec = await spec_of(docker_world, image=missing_image())

    with pytest.raises(StartConfigInvalid, match="No such image"):
        await docker_world.host.create(spec)


async def test_create_refuses_a_missing_state_directory(docker_world: DockerWorld) -> None:
    """Docker never creates the missing directory as root on its own; a Swarm's node finds it."""
    missing = f"{docker_world.state_path}/missing"

    with pytest.raises(StartConfigInvalid, match="bind source path does not exist"):
        await (running if docker_world.is_swarm else created)(docker_world, state_path=missing)


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
    """A memory limit too low or more cores than the host has is a configuration fault."""
    with pytest.raises(StartConfigInvalid):
        await created(docker_world, limits=limits)


async def test_start_of_a_running_container_is_a_no_op(docker_world: DockerWorld) -> None:
    """Starting a running container again changes nothing."""
    container_id = await running(docker_world)
    before = await inspected(docker_world, container_id)

    await docker_world.host.start(container_id)

    assert await inspected(docker_world, container_id) == before


async def test_a_stopped_container_starts_again(docker_world: DockerWorld) -> None:
    """A stopped container runs again, and its exit code and end time are reset."""
    container_id = await running(docker_world)
    await docker_world.host.stop(container_id, grace=5)

    await docker_world.host.start(container_id)

    found = await inspected(docker_world, container_id)
    assert (found.is_running, found.exit_code, found.finished_at) == (True, 0, None)


async def test_start_without_the_network_fails(docker_world: DockerWorld) -> None:
    """A missing network fails the start with Docker's message, and the container stays.

    A Swarm looks networks up when it creates.
    """
    missing = f"missing-{new_game_id()}"
    if docker_world.is_swarm:
        with pytest.raises(StartConfigInvalid, match=f"network {missing} not found"):
            await created(docker_world, network=missing)
        return
    container_id = await created(docker_world, network=missing)

    with pytest.raises(ContainerStartFailed, match=f"network {missing} not found"):
        await docker_world.host.start(container_id)

    assert (await inspected(docker_world, container_id)).status is ContainerStatus.CREATED
    await docker_world.host.remove(container_id)


async def test_stop_ends_the_engine(docker_world: DockerWorld) -> None:
    """An engine that handles the signal ends at once.

    A busy Swarm may have forgotten how before anybody has seen it.
    """
    container_id = await running(docker_world)
    await _has_begun(docker_world, container_id)

    await docker_world.host.stop(container_id, grace=10)

    found = await inspected(docker_world, container_id)
    assert found.status is ContainerStatus.EXITED
    assert found.exit_code == 143 or (docker_world.is_swarm and found.exit_code is None)


async def test_stop_kills_an_engine_that_does_not_listen(docker_world: DockerWorld) -> None:
    """An engine that ignores the signal is killed after the timeout."""
    container_id = await running(docker_world, DEAF)
    await _has_begun(docker_world, container_id)

    await docker_world.host.stop(container_id, grace=1)

    found = await inspected(docker_world, container_id)
    assert not found.is_running
    assert found.exit_code == 137 or (docker_world.is_swarm and found.exit_code is None)


async def test_a_stop_outlives_its_caller(docker_world: DockerWorld) -> None:
    """The engine is stopped after its grace period even when the caller has gone.

    Of a Swarm, whoever waits for the end remembers how it was.
    """
    container_id = await running(docker_world, DEAF)
    await _has_begun(docker_world, container_id)
    caller = await docker_world.send(docker_world.host.stop(container_id, grace=2))

    caller.cancel()
    await asyncio.wait([caller])

    assert (await inspected(docker_world, container_id)).is_running
    if not isinstance(docker_world, RealWorld):
        await docker_world.pass_time(5)
    found = await exited(docker_world, container_id)
    assert found.exit_code in ((None, 137) if docker_world.is_swarm else (137,))


async def test_stop_takes_a_name(docker_world: DockerWorld) -> None:
    """A stop by a name that was given up meanwhile finds nothing."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.host.create(spec)
    parked = parked_name(spec.labels[GAME_ID_LABEL], 7)
    await docker_world.host.start(container_id)
    await docker_world.host.rename(container_id, parked)

    with pytest.raises(ContainerGone):
        await docker_world.host.stop(spec.name, grace=5)
    await docker_world.host.stop(parked, grace=5)

    assert not (await inspected(docker_world, container_id)).is_running


async def test_stop_of_what_does_not_run_is_a_no_op(docker_world: DockerWorld) -> None:
    """Created and exited containers stay as they are."""
    made, ended = await created(docker_world), await running(docker_world, EXITS)
    before = await exited(docker_world, ended)

    await docker_world.host.stop(made, grace=1)
    await docker_world.host.stop(ended, grace=1)

    assert (await inspected(docker_world, made)).status is ContainerStatus.CREATED
    assert await inspected(docker_world, ended) == before


async def test_rename_moves_the_name(docker_world: DockerWorld) -> None:
    """A rename takes the new name and frees the old one."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.host.create(spec)

    await docker_world.host.rename(container_id, f"{spec.name}.parked-7")

    parked = await docker_world.host.named(f"{spec.name}.parked-7")
    assert parked is not None
    assert parked.id == container_id
    assert await docker_world.host.named(spec.name) is None


async def test_a_name_means_whichever_container_has_it_now(docker_world: DockerWorld) -> None:
    """Start and rename by a name that was given up find no container."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.host.create(spec)
    parked = f"{spec.name}.parked-7"
    await docker_world.host.rename(spec.name, parked)

    await docker_world.host.start(parked)
    await docker_world.host.rename(parked, spec.name)

    with pytest.raises(ContainerGone):
        await docker_world.host.start(parked)
    with pytest.raises(ContainerGone):
        await docker_world.host.rename(parked, spec.name)
    seen = await docker_world.host.inspect(container_id)
    assert seen is not None
    assert (seen.name, seen.is_running) == (spec.name, True)


async def test_rename_refuses_a_taken_name(docker_world: DockerWorld) -> None:
    """A rename never takes the name of another container."""
    spec = await spec_of(docker_world)
    await docker_world.host.create(spec)
    other = await created(docker_world, OTHER)

    with pytest.raises(ContainerNameInUse):
        await docker_world.host.rename(other, spec.name)


async def test_changing_a_missing_container_says_that_it_is_gone(
    docker_world: DockerWorld,
) -> None:
    """Start, stop and rename distinguish a missing container from other refusals."""
    with pytest.raises(ContainerGone):
        await docker_world.host.start(GONE)
    with pytest.raises(ContainerGone):
        await docker_world.host.stop(GONE, grace=1)
    with pytest.raises(ContainerGone):
        await docker_world.host.rename(GONE, new_game_id())


async def test_trap_cleanup_kills_a_running_engine(docker_world: DockerWorld) -> None:
    """Removing a container that somebody has started is refused, and it keeps running."""
    container_id = await running(docker_world)

    with pytest.raises(ContainerRuns, match="container"):
        await docker_world.host.remove(container_id)

    assert (await inspected(docker_world, container_id)).is_running


async def test_remove_takes_a_container_that_does_not_run(docker_world: DockerWorld) -> None:
    """Containers that were never started and those that have exited are removed."""
    made, ended = await created(docker_world), await running(docker_world, EXITS)
    await exited(docker_world, ended)

    for container_id in (made, ended):
        await docker_world.host.remove(container_id)

    assert await docker_world.host.inspect(made) is None
    assert await docker_world.host.inspect(ended) is None


async def test_remove_of_a_missing_container_is_a_no_op(docker_world: DockerWorld) -> None:
    """Removing a missing container succeeds."""
    await docker_world.host.remove(GONE)


async def test_trap_name_still_in_use_after_rm(docker_world: DockerWorld) -> None:
    """The name is free once a removal returns, even of two removals at once."""
    spec = await spec_of(docker_world)
    container_id = await docker_world.host.create(spec)
    await docker_world.host.start(container_id)
    await docker_world.host.stop(container_id, grace=5)

    await asyncio.gather(*(docker_world.host.remove(container_id) for _ in range(4)))

    assert await docker_world.host.create(spec) != container_id


async def _has_begun(world: DockerWorld, container_id: ContainerId) -> None:
    """Wait for the engine's first line: before, its init process would drop a signal."""
    async with asyncio.timeout(20):
        while isinstance(world, RealWorld) and not await world.host.logs(container_id, lines=1):  # noqa: ASYNC110 - Docker sends no notice
            await asyncio.sleep(0.05)
