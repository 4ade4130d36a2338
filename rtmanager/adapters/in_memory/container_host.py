"""The container host port on a Docker that lives in memory."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rtmanager.adapters.image_user import numeric_owner, owner_from_files
from rtmanager.adapters.in_memory import docker_requests
from rtmanager.adapters.in_memory.docker_effects import Act, Effect
from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.docker_world import NETWORK, InMemoryDocker
from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    EngineContainer,
    EngineImage,
    ImageId,
)
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import DockerUnavailable, StartConfigInvalid

Seen = TypeVar("Seen", bound=EngineContainer)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class InMemoryContainerHost:
    """One manager's connection to an InMemoryDocker, which others may share.

    Every call passes `gate` before its effect and after its answer. An effect itself is one step
    that nothing can interrupt; it belongs to Docker, where a caller who leaves does not end it.
    """

    docker: InMemoryDocker = field(default_factory=InMemoryDocker)
    network: str = NETWORK
    gate: Gate = open_gate

    async def ping(self) -> None:
        """Raise DockerUnavailable when Docker is unreachable."""
        async with self._call("ping"):
            pass

    async def network_exists(self) -> bool:
        """Tell whether the configured network exists."""
        async with self._call("network_exists"):
            return self.network in self.docker.networks

    async def list_containers(self) -> Sequence[EngineContainer]:
        """Return all labelled containers in the order of their names, as they were a lag ago."""
        async with self._call("list_containers"):
            return self._listed()

    async def containers_of(self, game_id: str) -> Sequence[EngineContainer]:
        """Return one game's containers in the order of their names."""
        async with self._call("containers_of"):
            return [one for one in self._listed() if one.game_id == game_id]

    async def named(self, name: str) -> ContainerDetails | None:
        """Return the container of this name, whoever owns it."""
        async with self._call("named"):
            return self._details(self.docker.holder_of(name))

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        """Return one container's details."""
        async with self._call("inspect"):
            return self._details(self.docker.containers.get(container_id))

    async def logs(self, container_id: ContainerId, *, lines: int) -> tuple[str, ...]:
        """Return the last lines of what the container said."""
        async with self._call("logs"):
            container = self.docker.containers.get(container_id)
            output = container.output if container else []
            return tuple(output[-lines:]) if lines > 0 else ()

    async def image(self, reference: ImageRef | ImageId) -> EngineImage | None:
        """Return the image from the host."""
        async with self._call("image"):
            image = self.docker.find_image(reference)
        return image.shown() if image else None

    async def pull(self, reference: ImageRef, *, progress: Callable[[str], None]) -> EngineImage:
        """Copy the image from the registry to the host."""
        async with self._call("pull"):
            image = await self._change(
                "pull", reference.normalized, lambda _: docker_requests.pull(self.docker, reference)
            )
            progress(f"pulled {reference.text}")
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
            return await self._change(
                "create", spec.name, lambda _: docker_requests.create(self.docker, spec)
            )

    @property
    def starts_wait(self) -> bool:
        """Tell that no start ever has to wait."""
        return False

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Let every start through at once: nothing here is bound by processors."""
        return nullcontext()

    async def start(self, container: str) -> None:
        """Start the container, if its image lets it and the network is there."""
        async with self._call("start"):
            await self._change(
                "start", container, lambda at: docker_requests.start(self.docker, container, at)
            )

    async def stop(self, container: str, *, grace: int) -> None:
        """Stop the container, and wait until it has."""
        async with self._call("stop"):
            stopped, life = await self._change(
                "stop",
                container,
                lambda at: docker_requests.stop(self.docker, container, grace, at),
            )
            while stopped.life == life and (due := stopped.exit_due) is not None:
                await self._sleep_until(due)

    async def rename(self, container: str, name: str) -> None:
        """Give the container another free name."""
        async with self._call("rename"):
            await self._change(
                "rename", container, lambda _: docker_requests.rename(self.docker, container, name)
            )

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container unless it runs, and wait until it is gone."""
        async with self._call("remove"):
            removal = await self._change(
                "remove",
                container_id,
                lambda at: docker_requests.remove(self.docker, container_id, at),
                seconds=0.0,
            )
            if removal is not None:
                await self._finish(removal)

    @asynccontextmanager
    async def _call(self, name: str) -> AsyncIterator[None]:
        """Pass the gate around the effect; a refused call passes no second time."""
        await self.gate(f"host.{name}")
        if not self.docker.reachable:
            raise DockerUnavailable
        self.docker.settle()
        yield
        await self.gate(f"host.{name}:done")

    async def _change(
        self, call: str, container: str, act: Act[T], *, seconds: float | None = None
    ) -> T:
        """Let Docker act in its own time, as it is fated, and wait for the answer."""
        fate = docker_requests.fate_of(self.docker, call, container)
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
        """Wait in Docker's time; raises DockerUnavailable when it became unreachable meanwhile."""
        await self.docker.clock.sleep(max(due - self.docker.clock.monotonic(), 0.0))
        self.docker.settle()
        if not self.docker.reachable:
            raise DockerUnavailable

    def _listed(self) -> Sequence[EngineContainer]:
        then = self.docker.clock.monotonic() - self.docker.lag if self.docker.lag else None
        shown = [one.listed(then=then) for one in self.docker.containers.values()]
        labelled = (self._from_here(one) for one in shown if one.has_our_labels)
        return sorted(labelled, key=lambda one: one.name)

    def _details(self, container: MemoryContainer | None) -> ContainerDetails | None:
        return None if container is None else self._from_here(container.details())

    def _from_here(self, view: Seen) -> Seen:
        """Leave the address out when it is none of our network."""
        return view if view.network == self.network else replace(view, address=None)
