"""An in-memory Docker as one manager sees it: its containers and their engines."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rtmanager.adapters.image_user import numeric_owner, owner_from_files
from rtmanager.adapters.in_memory import docker_requests
from rtmanager.adapters.in_memory.docker_effects import NORMAL, Act, Effect
from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.docker_output import read_output
from rtmanager.adapters.in_memory.docker_world import NETWORK, InMemoryDocker
from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    EngineContainer,
    EngineImage,
    ImageId,
)
from rtmanager.domain.container_network import ContainerNetwork, NetworkId
from rtmanager.domain.container_output import OutputBatch, OutputRequest
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import DockerUnavailable, StartConfigInvalid
from rtmanager.domain.ports.engine_probe import ProbeAnswer

Seen = TypeVar("Seen", bound=EngineContainer)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class InMemoryContainerHost:
    """One manager's connection to an InMemoryDocker, which others may share.

    An effect is one uninterruptible step; it happens in Docker, even if the caller has left.
    """

    docker: InMemoryDocker = field(default_factory=InMemoryDocker)
    network: str = NETWORK

    async def ping(self) -> None:
        """Raise DockerUnavailable when Docker is unreachable."""
        self._reach()

    async def network_exists(self) -> bool:
        """Return whether the configured network exists."""
        return self.network in self._reach().networks

    async def networks(self) -> Sequence[ContainerNetwork]:
        """Return all networks, ordered by name."""
        docker = self._reach()
        return [docker.addresses.view(each) for each in sorted(docker.networks)]

    async def attached(self, network: NetworkId) -> Mapping[ContainerId, frozenset[str]]:
        """Return the addresses of all containers on the network."""
        docker = self._reach()
        return {
            each.id: frozenset({each.addresses[network]})
            for each in docker.containers.values()
            if network in docker.networks and network in each.addresses
        }

    async def list_containers(self) -> Sequence[EngineContainer]:
        """Return all labelled containers ordered by name, in their states of `lag` seconds ago."""
        return self._listed()

    async def containers_of(self, game_id: str) -> Sequence[EngineContainer]:
        """Return one game's containers, ordered by name."""
        return [one for one in self._listed() if one.game_id == game_id]

    async def containers_with(self, ids: Collection[ContainerId]) -> Sequence[EngineContainer]:
        """Return those of these containers that exist, ordered by name."""
        return [one for one in self._shown() if one.id in ids]

    async def named(self, name: str) -> ContainerDetails | None:
        """Return the container of this name, ours or not."""
        return self._details(self._reach().holder_of(name))

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        """Return one container's details."""
        return self._details(self._reach().containers.get(container_id))

    async def logs(self, container_id: ContainerId, *, lines: int) -> tuple[str, ...]:
        """Return the last lines of the container's output."""
        container = self._reach().containers.get(container_id)
        output = container.output if container else []
        return tuple(output[-lines:]) if lines > 0 else ()

    @asynccontextmanager
    async def output(
        self, container_id: ContainerId, wanted: OutputRequest
    ) -> AsyncIterator[AsyncIterator[OutputBatch]]:
        """Read the container's output for the block."""
        yield read_output(self._reach(), container_id, wanted)

    async def disk_use(self, container_id: ContainerId) -> int:
        """Return what the container has written."""
        container = self._reach().containers.get(container_id)
        return container.written if container else 0

    async def image(self, reference: ImageRef | ImageId) -> EngineImage | None:
        """Return the image from the host."""
        image = self._reach().find_image(reference)
        return image.shown() if image else None

    async def pull(self, reference: ImageRef, *, progress: Callable[[str], None]) -> EngineImage:
        """Copy the image from the registry to the host."""
        progress(f"pulling {reference.text}: 0 of 1 layers")
        image = await self._change(
            "pull", reference.normalized, lambda _: docker_requests.pull(self.docker, reference)
        )
        progress(f"pulled {reference.text}: 1 layer")
        return image.shown()

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the image's user and group, from its files."""
        found = self._reach().find_image(image.id)
        if found is None:
            raise StartConfigInvalid(f"No such image: {image.id}")
        files = found.behaviour
        return numeric_owner(found.user) or owner_from_files(found.user, files.passwd, files.group)

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Create a container without starting it."""
        return await self._change(
            "create", spec.name, lambda _: docker_requests.create(self.docker, spec)
        )

    @property
    def starts_wait(self) -> bool:
        """Return False: no start ever has to wait."""
        return False

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Let every start through immediately: nothing here is CPU-bound."""
        return nullcontext()

    async def start(self, container: str) -> None:
        """Start the container, if its image allows it and the network exists."""
        await self._change(
            "start", container, lambda at: docker_requests.start(self.docker, container, at)
        )

    async def stop(self, container: str, *, grace: int) -> None:
        """Stop the container, and wait until it has stopped."""
        stopped, life = await self._change(
            "stop", container, lambda at: docker_requests.stop(self.docker, container, grace, at)
        )
        while stopped.life == life and (due := stopped.exit_due) is not None:
            await self._sleep_until(due)

    async def rename(self, container: str, name: str) -> None:
        """Give the container another free name."""
        await self._change(
            "rename", container, lambda _: docker_requests.rename(self.docker, container, name)
        )

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container unless it runs, and wait until it is gone."""
        removal = await self._change(
            "remove",
            container_id,
            lambda at: docker_requests.remove(self.docker, container_id, at),
            seconds=0.0,
        )
        if removal is not None:
            await self._finish(removal)

    def _reach(self) -> InMemoryDocker:
        """Return Docker's current state; raises DockerUnavailable."""
        if not self.docker.reachable:
            raise DockerUnavailable
        self.docker.catch_up()
        return self.docker

    async def _change(
        self, call: str, container: str, act: Act[T], *, seconds: float | None = None
    ) -> T:
        """Let Docker act in its own time, according to the call's fate, and wait for the answer."""
        self._reach()
        fate = self.docker.fate_of(call, container) if self.docker.fate_of else NORMAL
        if not fate.happens:
            docker_requests.check_reply(self.docker, call, fate)
        lasts = self.docker.durations.get(call, 0.0) if seconds is None else seconds
        effect = self.docker.schedule(act, after=fate.delay + lasts)
        if fate.is_heard:
            await self._finish(effect)
        docker_requests.check_reply(self.docker, call, fate)
        return effect.result

    async def _finish(self, effect: Effect[T]) -> T:
        while not effect.is_done:
            await self._sleep_until(effect.due)
        return effect.result

    async def _sleep_until(self, due: float) -> None:
        """Wait in Docker's time; raises DockerUnavailable if it becomes unreachable."""
        await self.docker.clock.sleep(max(due - self.docker.clock.monotonic(), 0.0))
        self.docker.catch_up()
        if not self.docker.reachable:
            raise DockerUnavailable

    def _listed(self) -> Sequence[EngineContainer]:
        return [one for one in self._shown() if one.has_our_labels]

    def _shown(self) -> Sequence[EngineContainer]:
        containers, now = self._reach().containers.values(), self.docker.clock.monotonic()
        then = now - self.docker.lag if self.docker.lag else None
        shown = [one.listed(now=now, then=then) for one in containers]
        return sorted(map(self._from_here, shown), key=lambda one: one.name)

    def _details(self, container: MemoryContainer | None) -> ContainerDetails | None:
        return None if container is None else self._from_here(container.details())

    def _from_here(self, view: Seen) -> Seen:
        """Drop the address if it is not on our network."""
        return view if view.network == self.network else replace(view, address=None)


@dataclass(frozen=True, kw_only=True)
class InMemoryEngineProbe:
    """Probes the container that has the address now, which may have changed.

    `unaskable` are addresses that this process cannot probe, as if it had no descriptors left.
    """

    docker: InMemoryDocker
    unaskable: set[str] = field(default_factory=set)

    async def check(self, address: str, *, within: float | None = None) -> ProbeAnswer:
        """Probe the engine once; here it answers at once or not at all."""
        del within
        if address in self.unaskable:
            return ProbeAnswer(healthy=False, error="too many open files", is_unknown=True)
        container = self.docker.at_address(address)
        if container is None:
            return ProbeAnswer(healthy=False, error="connection refused")
        if not container.is_healthy(self.docker.clock.monotonic()):
            return ProbeAnswer(healthy=False, error=container.image.behaviour.unhealthy_words)
        return ProbeAnswer(healthy=True)
