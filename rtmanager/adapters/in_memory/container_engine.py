"""The container engine port on an engine that lives in memory."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rtmanager.adapters.image_user import numeric_owner, owner_from_files
from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.docker_world import NETWORK, InMemoryDocker
from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    EngineContainer,
    EngineImage,
)
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_engine import (
    ContainerGone,
    ContainerNameInUse,
    ContainerStartFailed,
    DockerUnavailable,
    ImagePullFailed,
    StartConfigInvalid,
)

_LEAST_MEMORY = 6 << 20

Seen = TypeVar("Seen", bound=EngineContainer)


@dataclass(frozen=True, kw_only=True)
class InMemoryContainerEngine:
    """One manager's connection to an InMemoryDocker, which others may share.

    Every call passes `gate` before and after its effect; its effect itself is one step that nothing
    can interrupt, so that concurrent pulls have nothing to share and starts need no queue.
    """

    docker: InMemoryDocker = field(default_factory=InMemoryDocker)
    network: str = NETWORK
    gate: Gate = open_gate

    async def ping(self) -> None:
        """Raise DockerUnavailable when the engine is unreachable."""
        async with self._call("ping"):
            pass

    async def network_exists(self) -> bool:
        """Tell whether the configured network exists."""
        async with self._call("network_exists"):
            return self.network in self.docker.networks

    async def list_containers(self) -> Sequence[EngineContainer]:
        """Return our containers in the order of their names."""
        async with self._call("list_containers"):
            return [one.listed() for one in self._ours()]

    async def containers_of(self, game_id: str) -> Sequence[EngineContainer]:
        """Return one game's containers in the order of their names."""
        async with self._call("containers_of"):
            shown = [one.listed() for one in self._ours()]
        return [one for one in shown if one.game_id == game_id]

    async def named(self, name: str) -> EngineContainer | None:
        """Return the container of this name, whoever owns it."""
        async with self._call("named"):
            holder = self._holder(name)
            return self._from_here(holder, holder.listed()) if holder else None

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        """Return one container's details."""
        async with self._call("inspect"):
            container = self.docker.containers.get(container_id)
            return self._from_here(container, container.details()) if container else None

    async def logs(self, container_id: ContainerId, *, lines: int) -> tuple[str, ...]:
        """Return the last lines of what the container said."""
        async with self._call("logs"):
            container = self.docker.containers.get(container_id)
            output = container.output if container else []
            return tuple(output[-lines:]) if lines > 0 else ()

    async def image(self, reference: str) -> EngineImage | None:
        """Return the image from the host."""
        async with self._call("image"):
            image = self.docker.find_image(reference)
        return image.shown() if image else None

    async def pull(self, reference: str, *, progress: Callable[[str], None]) -> EngineImage:
        """Copy the image from the registry to the host."""
        async with self._call("pull"):
            name = ImageRef.parse(reference).normalized
            self.docker.pulls.append(name)
            if self.docker.registry_fault:
                raise ImagePullFailed(self.docker.registry_fault)
            image = self.docker.registry.get(name)
            if image is None:
                raise ImagePullFailed(f"manifest for {reference} not found: manifest unknown")
            self.docker.images[name] = image
            progress(f"pulled {reference}")
        return image.shown()

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the image's user and group, by its own files."""
        async with self._call("image_owner"):
            found = self.docker.find_image(image.id)
            if found is None:
                raise StartConfigInvalid(f"No such image: {image.id}")
            files = found.behaviour
            return numeric_owner(found.user) or owner_from_files(
                found.user, files.passwd, files.group
            )

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Create a container that can be started."""
        async with self._call("create"):
            if self._holder(spec.name):
                raise ContainerNameInUse(
                    f'Conflict. The container name "/{spec.name}" is already in use'
                )
            container = self._create(spec)
        return container.id

    async def start(self, container: str) -> None:
        """Start the container, if its image lets it and the network is there."""
        async with self._call("start"):
            found = self._existing(container)
            if not found.is_running:
                self._start(found)

    async def stop(self, container_id: ContainerId, *, grace: int) -> None:  # noqa: ARG002 - the port's; nothing takes time here
        """Stop the container."""
        async with self._call("stop"):
            self._existing(container_id).stop(self.docker.clock.now())

    async def rename(self, container: str, name: str) -> None:
        """Give the container another free name."""
        async with self._call("rename"):
            renamed = self._existing(container)
            holder = self._holder(name)
            if holder:
                raise ContainerNameInUse(
                    f'Conflict. The container name "/{name}" is already in use'
                )
            renamed.name = name

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container."""
        async with self._call("remove"):
            if container_id in self.docker.containers:
                self.docker.vanish(container_id)

    @asynccontextmanager
    async def _call(self, name: str) -> AsyncIterator[None]:
        """Pass the gate around the effect; a refused call passes no second time."""
        await self.gate(f"engine.{name}")
        if not self.docker.reachable:
            raise DockerUnavailable
        self.docker.settle()
        yield
        await self.gate(f"engine.{name}:done")

    def _ours(self) -> list[MemoryContainer]:
        ours = [
            one
            for one in self.docker.containers.values()
            if one.listed().is_ours and one.spec.network == self.network
        ]
        return sorted(ours, key=lambda one: one.name)

    def _holder(self, name: str) -> MemoryContainer | None:
        every = self.docker.containers.values()
        return next((one for one in every if one.name == name), None)

    def _from_here(self, container: MemoryContainer, view: Seen) -> Seen:
        """Leave the address out when it is none of our network."""
        return view if container.spec.network == self.network else replace(view, address=None)

    def _existing(self, id_or_name: str) -> MemoryContainer:
        container = self.docker.containers.get(ContainerId(id_or_name)) or self._holder(id_or_name)
        if container is None:
            raise ContainerGone(f"No such container: {id_or_name}")
        return container

    def _create(self, spec: ContainerSpec) -> MemoryContainer:
        image = self.docker.find_image(spec.image)
        if image is None:
            raise StartConfigInvalid(f"No such image: {spec.image}")
        if spec.limits.memory_bytes < _LEAST_MEMORY:
            raise StartConfigInvalid("Minimum memory limit allowed is 6MB")
        if spec.limits.cpu_quota > self.docker.cpus:
            raise StartConfigInvalid(f"only {self.docker.cpus:g} CPUs are available")
        if not self.docker.path_exists(spec.state_path):
            raise StartConfigInvalid(f"bind source path does not exist: {spec.state_path}")
        return self.docker.add_container(spec, image)

    def _start(self, container: MemoryContainer) -> None:
        words = container.image.behaviour.refuses_to_start
        if container.spec.network not in self.docker.networks:
            words = f"network {container.spec.network} not found"
        if words:
            container.refuse(words)
            raise ContainerStartFailed(words, exit_code=container.exit_code)
        self.docker.run(container)
