"""The output of an in-memory container, as it is read and followed."""

from collections.abc import AsyncIterator

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.container import ContainerId
from rtmanager.domain.container_output import OutputBatch, OutputLine, OutputRequest, OutputStream
from rtmanager.domain.ports.container_host import ContainerGone, DockerUnavailable

_POLL = 0.1


def read_output(
    docker: InMemoryDocker, container_id: ContainerId, wanted: OutputRequest
) -> AsyncIterator[OutputBatch]:
    """Return what the container has written; all lines are dated by its start."""
    container = docker.containers.get(container_id)
    if container is None:
        raise ContainerGone(f"No such container: {container_id}")
    return _batches(docker, container, wanted)


async def _batches(
    docker: InMemoryDocker, container: MemoryContainer, wanted: OutputRequest
) -> AsyncIterator[OutputBatch]:
    read = len(container.output)
    before = _since(container, wanted)
    yield _batch(container, before[max(0, len(before) - wanted.tail) :])
    while wanted.follow and container.is_running:
        await docker.clock.sleep(_POLL)
        docker.catch_up()
        if not docker.reachable:
            raise DockerUnavailable("the output was cut")
        if new := container.output[read:]:
            read += len(new)
            yield _batch(container, new)


def _since(container: MemoryContainer, wanted: OutputRequest) -> list[str]:
    is_older = wanted.since and container.started_at and container.started_at < wanted.since
    return [] if is_older else list(container.output)


def _batch(container: MemoryContainer, texts: list[str]) -> OutputBatch:
    lines = [OutputLine(container.started_at, OutputStream.STDOUT, text) for text in texts]
    return OutputBatch(lines, sum(map(len, texts)))
