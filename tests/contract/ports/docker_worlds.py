"""Two Docker hosts behind one interface: the double, and a real one with the demo images."""

import asyncio
import secrets
from collections.abc import Coroutine, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import docker

from dev.checkout import ensure_network
from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.host import DockerContainerHost
from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.container import ContainerId, HealthIntervals
from rtmanager.domain.ports.container_host import ContainerHost
from tests.support.docker import build_image, drop_network
from tests.support.run import run_name

GOOD = "galaxy/game:1.4.7"
OTHER = "galaxy/game:1.4.8"
EXITS = "galaxy/game:1.4.90-exits-at-once"
DEAF = "galaxy/game:1.4.90-ignores-sigterm"
BY_NUMBER = "galaxy/game:1.4.90-user-by-number"
BY_NAME = "galaxy/game:1.4.90-user-by-name"
NO_SUCH_USER = "nobody-knows"
LIMITED = "galaxy/game:1.4.90-own-limits"
EXITS_SAYING = "fatal: the turn data is unreadable"
EXITS_WITH = 3
PASSWD = "root:x:0:0::/:/bin/sh\nengine:x:4243:4243::/:/bin/sh\n"


class DockerWorld(Protocol):
    """A Docker under test, and what others can do to it.

    `is_swarm` says that it is a Swarm, which shows less of its engines.
    """

    host: ContainerHost
    network: str
    state_path: str
    is_swarm: bool

    def new_host(self, *, network: str) -> ContainerHost:
        """Return a client of the same Docker for another network."""

    async def send(self, call: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Begin a slow call, and return once it has reached Docker."""

    async def pass_time(self, seconds: float) -> None:
        """Let Docker's time pass."""

    def kill(self, container_id: ContainerId) -> None:
        """Let someone else kill the container."""

    def vanish(self, container_id: ContainerId) -> None:
        """Let someone else remove the container."""

    def add_foreign(self, name: str, labels: Mapping[str, str], network: str) -> str:
        """Let someone else create a container; return its id."""

    def attach(self, container_id: ContainerId) -> str:
        """Let someone else attach a running container to one more network; return its name."""

    def write(self, container_id: ContainerId, size: int) -> None:
        """Let the running engine write this much to its container."""

    def publish(self) -> str:
        """Return a reference to an image that is in the registry but not on the host."""

    def image_without_its_user(self) -> str:
        """Return a reference to an image on the host that names a user it does not contain."""

    def image_with_health_check(self, interval: int, argument: str = "") -> str:
        """Return a reference to an image on the host that Docker checks every few nanoseconds."""

    def registry_fails(self) -> str:
        """Return a reference to a registry that does not answer."""


def new_game_id() -> str:
    """Return a game id that no other test uses."""
    return f"{run_name()}-{secrets.token_hex(6)}"


@dataclass
class MemoryWorld:
    """The double."""

    state_path: str
    network: str = "galaxy-net"
    is_swarm: bool = False
    docker: InMemoryDocker = field(default_factory=InMemoryDocker)

    def __post_init__(self) -> None:
        """Put the demo images on the host."""
        self.docker.path_exists = lambda path: Path(path).is_dir()
        self.host: ContainerHost = self.new_host(network=self.network)
        for reference in (GOOD, OTHER):
            self._add(reference, ImageBehaviour(output=("engine is ready, start 1",)))
        said = ImageBehaviour(exits_after=0.0, exit_code=EXITS_WITH, output=(EXITS_SAYING,))
        self._add(EXITS, said)
        self._add(DEAF, ImageBehaviour(ignores_sigterm=True))
        for reference, user in ((BY_NUMBER, "4242:4242"), (BY_NAME, "engine")):
            self._add(reference, ImageBehaviour(passwd=PASSWD), user)
        self.docker.add_image(LIMITED, labels={"com.galaxy.memory": "64m"})

    def new_host(self, *, network: str) -> ContainerHost:
        """Return a client of the same Docker for another network."""
        return InMemoryContainerHost(docker=self.docker, network=network)

    async def send(self, call: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Let the call run until it waits."""
        task = asyncio.create_task(call)
        await asyncio.sleep(0)
        return task

    async def pass_time(self, seconds: float) -> None:
        """Advance the clock, which nothing else does while no one sleeps on it."""
        await self.docker.clock.sleep(seconds)

    def kill(self, container_id: ContainerId) -> None:
        """Let someone else kill the container."""
        self.docker.kill(container_id)

    def vanish(self, container_id: ContainerId) -> None:
        """Let someone else remove the container."""
        self.docker.vanish(container_id)

    def add_foreign(self, name: str, labels: Mapping[str, str], network: str) -> str:
        """Let someone else create a container."""
        return self.docker.add_foreign(name, labels=labels, network=network).id

    def attach(self, container_id: ContainerId) -> str:
        """Let someone else attach a running container to one more network."""
        network = new_game_id()
        self.docker.connect(container_id, network)
        return network

    def write(self, container_id: ContainerId, size: int) -> None:
        """Let the engine write."""
        self.docker.containers[container_id].written += size

    def publish(self) -> str:
        """Add an image to the registry only."""
        reference = f"registry.test/{new_game_id()}:1.0.0"
        self.docker.add_image(reference, in_registry=True)
        return reference

    def image_without_its_user(self) -> str:
        """Put an image on the host that names a user it does not contain."""
        return self._add(f"{new_game_id()}:1.0.0", ImageBehaviour(passwd=PASSWD), NO_SUCH_USER)

    def image_with_health_check(self, interval: int, argument: str = "") -> str:
        """Put an image on the host that has a health check."""
        every, length = HealthIntervals(interval, 0), len(argument)
        behaviour = ImageBehaviour(health_intervals=every, health_test_length=length)
        return self._add(f"{new_game_id()}:1.0.0", behaviour)

    def registry_fails(self) -> str:
        """Make the registry unreachable."""
        self.docker.registry_fault = "connect: connection refused"
        return "registry.test/galaxy/game:1.0.0"

    def _add(self, reference: str, behaviour: ImageBehaviour, user: str = "") -> str:
        self.docker.add_image(reference, user=user, behaviour=behaviour)
        return reference


class RealWorld:
    """A real Docker; everything that a test creates is removed after it."""

    is_swarm = False

    def __init__(self, address: str, network: str, registry: str, state_path: str) -> None:
        self.address, self.network, self.registry = address, network, registry
        self.state_path = state_path
        self.api: Any = docker.APIClient(base_url=address, version="1.41")
        self.hosts: list[DockerContainerHost] = []
        self.foreign: list[str] = []
        self.references: list[str] = []
        self.networks: list[str] = []
        self.host: ContainerHost = self.new_host(network=network)

    def new_host(
        self, *, network: str, address: str = "", timeout: float = 10.0, **more: Any
    ) -> DockerContainerHost:
        """Return a client of the same Docker, or of another address."""
        client = DockerClient(
            address or self.address,
            timeout=timeout,
            pull_stall=more.pop("pull_stall", 30.0),
            pull_timeout=more.pop("pull_timeout", 60.0),
        )
        made = DockerContainerHost(client, network=network, start_concurrency=2, **more)
        self.hosts.append(made)
        return made

    async def send(self, call: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Give the call time to be sent."""
        task = asyncio.create_task(call)
        await asyncio.sleep(0.4)  # the real Docker does not report when a request has arrived
        return task

    async def pass_time(self, seconds: float) -> None:
        """Really wait."""
        await asyncio.sleep(seconds)

    def kill(self, container_id: ContainerId) -> None:
        """Let someone else kill the container."""
        self.api.kill(container_id)
        self.api.wait(container_id)

    def vanish(self, container_id: ContainerId) -> None:
        """Let someone else remove the container."""
        self.api.remove_container(container_id, force=True)

    def add_foreign(self, name: str, labels: Mapping[str, str], network: str) -> str:
        """Let someone else create a container."""
        settings = self.api.create_host_config(network_mode=network)
        made = self.api.create_container(GOOD, name=name, labels=labels, host_config=settings)
        self.foreign.append(made["Id"])
        return str(made["Id"])

    def attach(self, container_id: ContainerId) -> str:
        """Let someone else attach a running container to one more network."""
        network = new_game_id()
        ensure_network(self.address, network)
        self.networks.append(network)
        self.api.connect_container_to_network(container_id, network)
        return network

    def write(self, container_id: ContainerId, size: int) -> None:
        """Write a file in the container."""
        command = ["/bin/dd", "if=/dev/zero", "of=/written", "bs=1k", f"count={size >> 10}"]
        self.api.exec_start(self.api.exec_create(container_id, command)["Id"])

    def publish(self, registry: str = "", **login: Any) -> str:
        """Push an image of this test to the registry and remove it from the host."""
        reference = f"{registry or self.registry}/galaxy/{new_game_id()}:1.0.0"
        self.build(reference)
        name, _, tag = reference.rpartition(":")
        answer = self.api.push(name, tag, **login)
        assert "errorDetail" not in answer, answer
        self.api.remove_image(reference)
        return reference

    def build(
        self,
        reference: str,
        *instructions: str,
        files: Mapping[str, bytes] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> str:
        """Build an image like the good one, with an id of its own, on the host only.

        `files` are archives by the directory in which they are unpacked, `config` is what no
        instruction can say.
        """
        mark = f"LABEL com.galaxy.test={new_game_id()}"
        made = build_image(self.api, reference, (mark, *instructions), files or {}, config)
        self.references.append(reference)
        return made

    def image_without_its_user(self) -> str:
        """Build an image, tagged for this test, that names a user it does not contain."""
        reference = f"{new_game_id()}:1.0.0"
        self.build(reference, f"USER {NO_SUCH_USER}")
        return reference

    def image_with_health_check(self, interval: int, argument: str = "") -> str:
        """Build an image with a health check, which Docker does not verify."""
        reference = f"{new_game_id()}:1.0.0"
        test = ["CMD", "/bin/true", *argument.split()]
        check = {"Test": test, "Interval": interval, "Retries": -1}
        self.build(reference, 'CMD ["/engine/serve"]', config={"Healthcheck": check})
        return reference

    def registry_fails(self) -> str:
        """Return a reference to a port where nothing listens."""
        return "127.0.0.1:9/galaxy/game:1.0.0"

    async def aclose(self) -> None:
        """Remove what the test created."""
        for host in self.hosts:
            await host.aclose()
        with closing(self.api):
            ours = self.api.containers(all=True, filters={"network": self.network}, quiet=True)
            for container_id in {*self.foreign, *(one["Id"] for one in ours)}:
                _ignoring_absence(lambda: self.api.remove_container(container_id, force=True))  # noqa: B023 - called at once
            for network in self.networks:
                drop_network(self.address, network)
            for reference in self.references:
                _ignoring_absence(lambda: self.api.remove_image(reference, force=True))  # noqa: B023 - called at once


def _ignoring_absence(remove: Any) -> None:
    try:
        remove()
    except docker.errors.NotFound:
        return
