"""Sources of container events: the double, a real Docker and a real Swarm behind a proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.events import DockerContainerEvents
from rtmanager.adapters.in_memory.container_events import InMemoryContainerEvents
from rtmanager.adapters.swarm.events import SwarmContainerEvents
from rtmanager.adapters.swarm.http_api import HttpSwarmApi
from rtmanager.adapters.swarm.managers import Managers
from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_events import ContainerEvents
from tests.contract.ports.docker_fixtures import running
from tests.contract.ports.docker_worlds import DockerWorld, MemoryWorld, RealWorld
from tests.contract.ports.swarm_worlds import SwarmWorld
from tests.support.proxy import Proxy

EATS_MEMORY = "galaxy/game:1.4.90-eats-memory"
TIMEOUT = 2.0
STALENESS = 4.0


class EventWorld(Protocol):
    """A source of container events with injectable faults."""

    docker: DockerWorld
    events: ContainerEvents

    async def out_of_memory(self) -> ContainerId:
        """Start an engine that exceeds its memory limit."""

    def start_foreign(self, container_id: str) -> None:
        """Start a container that is not ours."""

    def cut(self) -> None:
        """Drop every connection."""

    def silence(self) -> None:
        """Hold back everything, as a hung stream does."""

    def go_away(self) -> None:
        """Become unreachable."""

    def come_back(self) -> None:
        """Become reachable again."""


class MemoryEvents:
    """The double's events."""

    def __init__(self, world: MemoryWorld) -> None:
        self.docker: DockerWorld = world
        self._host = world.docker
        self._memory = InMemoryContainerEvents(docker=self._host, staleness=STALENESS)
        self.events: ContainerEvents = self._memory

    async def out_of_memory(self) -> ContainerId:
        """Kill the engine for lack of memory."""
        container_id = await running(self.docker)
        self._host.oom(container_id)
        return container_id

    def start_foreign(self, container_id: str) -> None:
        """Run the container."""
        self._host.run(self._host.containers[ContainerId(container_id)])

    def cut(self) -> None:
        """End the streams."""
        self._memory.cut()

    def silence(self) -> None:
        """Hang the streams."""
        self._memory.silence()

    def go_away(self) -> None:
        """Make Docker unreachable."""
        self._host.reachable = False

    def come_back(self) -> None:
        """Make Docker reachable."""
        self._host.reachable = True


class RealEvents:
    """A real Docker's events."""

    def __init__(self, world: RealWorld, proxy: Proxy, socket_path: Path) -> None:
        self.docker: DockerWorld = world
        self.proxy = proxy
        self.client = DockerClient(f"unix://{socket_path}", timeout=TIMEOUT)
        self.events: ContainerEvents = DockerContainerEvents(self.client, staleness=STALENESS)
        self._api = world.api

    async def out_of_memory(self) -> ContainerId:
        """Run the greedy engine until it exceeds its limit."""
        container_id = await running(self.docker, EATS_MEMORY)
        # Not earlier: Docker misses what happens before it watches the container.
        (Path(self.docker.state_path) / "eat-memory").touch()
        return container_id

    def start_foreign(self, container_id: str) -> None:
        """Start the container over another connection."""
        self._api.start(container_id)

    def cut(self) -> None:
        """Drop the connections."""
        self.proxy.cut()

    def silence(self) -> None:
        """Hold back all data."""
        self.proxy.hang()

    def go_away(self) -> None:
        """Drop and refuse connections."""
        self.proxy.refuse()

    def come_back(self) -> None:
        """Accept connections again."""
        self.proxy.pass_on()


class SwarmEvents(RealEvents):
    """A real Swarm's events."""

    def __init__(self, world: SwarmWorld, proxy: Proxy, socket_path: Path) -> None:
        super().__init__(world, proxy, socket_path)
        managers = Managers([self.client], timeout=TIMEOUT)
        self.events = SwarmContainerEvents(HttpSwarmApi(managers), managers)

    def start_foreign(self, container_id: str) -> None:
        """Let somebody else scale the service to one."""
        found = self._api.inspect_service(container_id)
        self._api.update_service(
            container_id,
            found["Version"]["Index"],
            name=found["Spec"]["Name"],
            labels=found["Spec"]["Labels"],
            mode={"Replicated": {"Replicas": 1}},
            fetch_current_spec=True,
        )


@asynccontextmanager
async def open_swarm_events(world: SwarmWorld, directory: Path) -> AsyncIterator[SwarmEvents]:
    """Yield the Swarm's events, behind a proxy that listens in the directory."""
    socket_path = directory / "docker.sock"
    with Proxy(Path(world.address.removeprefix("unix://")), listen_on=socket_path) as proxy:
        opened = SwarmEvents(world, proxy, socket_path)
        yield opened
        await opened.client.aclose()


@asynccontextmanager
async def open_real_events(world: RealWorld, directory: Path) -> AsyncIterator[RealEvents]:
    """Yield the real Docker's events, behind a proxy that listens in the directory."""
    socket_path = directory / "docker.sock"
    with Proxy(Path(world.address.removeprefix("unix://")), listen_on=socket_path) as proxy:
        opened = RealEvents(world, proxy, socket_path)
        yield opened
        await opened.client.aclose()
