"""The images and the output of engines, as the manager of an in-memory Swarm has them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.adapters.in_memory.swarm_world import InMemorySwarm
from rtmanager.domain.container import ContainerId, EngineImage, ImageId
from rtmanager.domain.container_output import OutputBatch, OutputLine, OutputRequest, OutputStream
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import ContainerGone

_POLL = 0.1


@dataclass(frozen=True)
class InMemoryImages:
    """The images of the Docker of the manager that answers; every node has them as well."""

    docker: InMemoryDocker

    async def image(self, reference: ImageRef | ImageId) -> EngineImage | None:
        """Return the image."""
        return await self._host.image(reference)

    async def pull(self, reference: ImageRef, *, progress: Callable[[str], None]) -> EngineImage:
        """Copy the image from the registry."""
        return await self._host.pull(reference, progress=progress)

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the image's user and group."""
        return await self._host.image_owner(image)

    async def credentials(self, image: ImageId) -> str | None:
        """Return nothing: the registry here is open to all."""
        del image
        return None

    @property
    def _host(self) -> InMemoryContainerHost:
        return InMemoryContainerHost(docker=self.docker)


@dataclass(frozen=True)
class InMemoryOutputs:
    """The output of the tasks that the managers have not forgotten."""

    swarm: InMemorySwarm = field(default_factory=InMemorySwarm)

    async def tail(self, container_id: ContainerId, lines: int) -> tuple[str, ...]:
        """Return the last lines of the newest task."""
        engine = self._engine(container_id)
        return tuple(engine.output[-lines:]) if engine else ()

    @asynccontextmanager
    async def read(
        self, container_id: ContainerId, wanted: OutputRequest
    ) -> AsyncIterator[AsyncIterator[OutputBatch]]:
        """Read the output of the newest task for the block."""
        self.swarm.demand_managers()
        if container_id not in self.swarm.services:
            raise ContainerGone(f"No such container: {container_id}")
        yield self._batches(self._engine(container_id), wanted)

    def _engine(self, container_id: ContainerId) -> MemoryContainer | None:
        self.swarm.demand_managers()
        made = [each.engine for each in self.swarm.tasks_of(container_id) if each.engine]
        return made[-1] if made else None

    async def _batches(
        self, engine: MemoryContainer | None, wanted: OutputRequest
    ) -> AsyncIterator[OutputBatch]:
        lines = _lines_of(engine, wanted)
        yield _batch(engine, lines[max(0, len(lines) - wanted.tail) :])
        read = len(engine.output) if engine else 0
        while engine is not None and wanted.follow and engine.is_running:
            await self.swarm.clock.sleep(_POLL)
            self.swarm.demand_managers()
            if new := engine.output[read:]:
                read += len(new)
                yield _batch(engine, new)


def _lines_of(engine: MemoryContainer | None, wanted: OutputRequest) -> list[str]:
    if engine is None:
        return []
    is_older = wanted.since and engine.started_at and engine.started_at < wanted.since
    return [] if is_older else list(engine.output)


def _batch(engine: MemoryContainer | None, texts: list[str]) -> OutputBatch:
    at = engine.started_at if engine else None
    lines = [OutputLine(at, OutputStream.STDOUT, text) for text in texts]
    return OutputBatch(lines, sum(map(len, texts)))
