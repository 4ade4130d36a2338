"""Two sources of container events with one face: the double, and a real Docker behind a proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.events import DockerContainerEvents
from rtmanager.adapters.in_memory.container_events import InMemoryContainerEvents
from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_events import ContainerEvents
from tests.contract.ports.docker_fixtures import running
from tests.contract.ports.docker_worlds import DockerWorld, MemoryWorld, RealWorld
from tests.support.proxy import Proxy

EATS_MEMORY = "galaxy/game:1.4.90-eats-memory"
TIMEOUT = 2.0
STALENESS = 4.0


class EventWorld(Protocol):
    """The events of a world, and their faults in our hands."""

    docker: DockerWorld
    events: ContainerEvents

    async def out_of_memory(self) -> ContainerId:
        """Start an engine that eats more than it may."""

    def start_foreign(self, container_id: str) -> None:
        """Let someone else start their container."""

    def cut(self) -> None:
        """Drop every connection."""

    def silence(self) -> None:
        """Let nothing through any more, as a stream that hangs."""

    def go_away(self) -> None:
        """Become unreachable."""

    def come_back(self) -> None:
        """Be reachable again."""


class MemoryEvents:
    """The double's events."""

    def __init__(self, world: MemoryWorld) -> None:
        self.docker: DockerWorld = world
        self._host = world.docker
        self._memory = InMemoryContainerEvents(docker=self._host, staleness=STALENESS)
        self.events: ContainerEvents = self._memory

    async def out_of_memory(self) -> ContainerId:
        """Let the kernel step in."""
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
        """Take Docker away."""
        self._host.reachable = False

    def come_back(self) -> None:
        """Bring it back."""
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
        """Run the greedy engine, and let it be greedy."""
        container_id = await running(self.docker, EATS_MEMORY)
        # Not before: Docker misses what happens while it begins to watch.
        (Path(self.docker.state_path) / "eat-memory").touch()
        return container_id

    def start_foreign(self, container_id: str) -> None:
        """Start it over a connection of our own."""
        self._api.start(container_id)

    def cut(self) -> None:
        """Drop the connections."""
        self.proxy.cut()

    def silence(self) -> None:
        """Hold everything back."""
        self.proxy.hang()

    def go_away(self) -> None:
        """Drop and refuse connections."""
        self.proxy.refuse()

    def come_back(self) -> None:
        """Welcome connections."""
        self.proxy.pass_on()


@asynccontextmanager
async def open_real_events(world: RealWorld, directory: Path) -> AsyncIterator[RealEvents]:
    """Give the real Docker's events, behind a proxy that listens in the directory."""
    socket_path = directory / "docker.sock"
    with Proxy(Path(world.address.removeprefix("unix://")), listen_on=socket_path) as proxy:
        opened = RealEvents(world, proxy, socket_path)
        yield opened
        await opened.client.aclose()
