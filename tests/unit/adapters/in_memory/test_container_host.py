"""What the in-memory Docker offers beyond the port: faults, time and engine behaviour."""

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost, InMemoryEngineProbe
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.domain.container import ContainerDetails, ContainerId, ContainerSpec, ResourceLimits
from rtmanager.domain.ports.container_host import ContainerStartFailed, DockerUnavailable

REFERENCE = "galaxy/game:1.4.7"


class Lost(Exception):
    """A lost reply."""


class World:
    """A Docker with injectable faults."""

    def __init__(self, **behaviour: object) -> None:
        self.clock = ManualClock()
        self.docker = InMemoryDocker(clock=self.clock)
        self.calls: list[str] = []
        self.lose = ""
        self.host = with_faults(InMemoryContainerHost(docker=self.docker), "host", self._fault)
        self.probe = InMemoryEngineProbe(docker=self.docker)
        self.image = self.docker.add_image(REFERENCE, behaviour=ImageBehaviour(**behaviour))  # type: ignore[arg-type]

    async def _fault(self, call: str) -> None:
        self.calls.append(call)
        if call == self.lose:
            raise Lost

    async def create(self, name: str = "engine") -> ContainerId:
        """Create a container."""
        limits = ResourceLimits(cpu_quota=1.0, memory_bytes=1 << 29, pids_limit=9)
        spec = ContainerSpec(
            name=name,
            hostname=name,
            image=self.image.id,
            labels={},
            environment={},
            network=self.host.network,
            state_path="/state",
            mount_path="/mount",
            limits=limits,
            read_only_root=False,
        )
        return await self.host.create(spec)

    async def run(self, name: str = "engine") -> ContainerDetails:
        """Create and start a container."""
        container_id = await self.create(name)
        await self.host.start(container_id)
        return await self.inspect(container_id)

    async def inspect(self, container_id: ContainerId) -> ContainerDetails:
        """Inspect a container that exists."""
        found = await self.host.inspect(container_id)
        assert found is not None
        return found


async def test_the_hook_is_called_before_and_after_the_effect() -> None:
    """Each call has two points where a fault can be injected."""
    world = World()

    await world.host.ping()

    assert world.calls == ["host.ping", "host.ping:done"]


async def test_a_call_that_is_lost_has_no_effect() -> None:
    """A request that never arrived changes nothing."""
    world = World()
    container_id = await world.create()
    world.lose = "host.start"

    with pytest.raises(Lost):
        await world.host.start(container_id)

    assert not (await world.inspect(container_id)).is_running


async def test_a_lost_reply_leaves_the_effect() -> None:
    """A lost reply does not revert the effect."""
    world = World()
    container_id = await world.create()
    world.lose = "host.start:done"

    with pytest.raises(Lost):
        await world.host.start(container_id)

    assert (await world.inspect(container_id)).is_running


async def test_an_unreachable_docker_is_unavailable_and_lives_on() -> None:
    """Containers keep running while Docker is unreachable."""
    world = World()
    found = await world.run()
    world.docker.reachable = False

    with pytest.raises(DockerUnavailable):
        await world.host.inspect(found.id)

    assert (await world.probe.check(str(found.address))).healthy


@pytest.mark.parametrize(
    ("fault", "code", "oom"), [("crash", 1, False), ("oom", 137, True), ("kill", 137, False)]
)
async def test_faults_end_the_engine(fault: str, code: int, *, oom: bool) -> None:
    """A crash, a kill and a lack of memory are distinguishable, as Docker reports them."""
    world = World()
    found = await world.run()

    getattr(world.docker, fault)(found.id)

    ended = await world.inspect(found.id)
    assert (ended.is_running, ended.exit_code, ended.oom_killed) == (False, code, oom)
    assert not (await world.probe.check(str(found.address))).healthy


async def test_a_behaviour_counts_from_the_start() -> None:
    """An engine becomes healthy and exits at times relative to its start."""
    world = World(healthy_after=2.0, exits_after=5.0, exit_code=4)
    found = await world.run()
    states = []

    for _ in range(3):
        answer = await world.probe.check(str(found.address))
        states.append((answer.healthy, (await world.inspect(found.id)).is_running))
        world.clock.advance(2.5)

    assert states == [(False, True), (True, True), (False, False)]
    assert (await world.inspect(found.id)).exit_code == 4


async def test_an_image_may_refuse_to_start() -> None:
    """The container stays created, with Docker's error message."""
    world = World(refuses_to_start="OCI runtime create failed")
    container_id = await world.create()

    with pytest.raises(ContainerStartFailed, match="OCI runtime"):
        await world.host.start(container_id)

    assert (await world.inspect(container_id)).error == "OCI runtime create failed"


async def test_the_same_history_gives_the_same_ids() -> None:
    """The double uses no randomness."""
    first, second = World(), World()

    assert [await first.create(name) for name in "ab"] == [
        await second.create(name) for name in "ab"
    ]


async def test_the_probe_asks_whoever_has_the_address_now() -> None:
    """Addresses are reused, as Docker's are."""
    world = World()
    old = await world.run("old")
    await world.host.stop(old.id, grace=1)
    new = await world.run("new")

    assert new.address == old.address
    assert (await world.probe.check(str(old.address))).healthy
