"""Reading and following the output of containers, on the double and on the real Docker."""

import asyncio
import threading
from datetime import timedelta

import pytest

from rtmanager.adapters.docker.container_output import READERS
from rtmanager.domain.container import ContainerId
from rtmanager.domain.container_output import OutputLine, OutputRequest, OutputStream
from rtmanager.domain.ports.container_host import ContainerGone, TooManyReaders
from tests.contract.ports.docker_fixtures import exited, running
from tests.contract.ports.docker_worlds import (
    EXITS,
    EXITS_SAYING,
    DockerWorld,
    RealWorld,
)

ALL = OutputRequest(tail=1000)
SECONDS = 20.0
GONE = ContainerId("0" * 64)
ENDLESS = "galaxy/game:1.4.90-logs-endlessly"


async def read(
    world: DockerWorld, container_id: ContainerId, wanted: OutputRequest
) -> list[OutputLine]:
    """Read the output to its end."""
    async with asyncio.timeout(SECONDS), world.host.output(container_id, wanted) as batches:
        return [line async for batch in batches for line in batch.lines]


async def test_output_of_an_engine_that_has_ended_is_read(docker_world: DockerWorld) -> None:
    """While its container exists, all that it wrote is there, with times."""
    container_id = await running(docker_world, EXITS)
    found = await exited(docker_world, container_id)

    (line,) = (await read(docker_world, container_id, ALL))[-1:]

    assert (line.text, line.stream is not OutputStream.SERVICE) == (EXITS_SAYING, True)
    assert line.at is not None
    assert found.finished_at is not None
    # Docker notes the two apart.
    assert abs(line.at - found.finished_at) < timedelta(seconds=2)


async def test_only_the_last_lines_are_read(docker_world: DockerWorld) -> None:
    """A tail of none is empty."""
    container_id = await running(docker_world)
    await docker_world.pass_time(0.5)

    assert await read(docker_world, container_id, OutputRequest(tail=0)) == []
    assert len(await read(docker_world, container_id, OutputRequest(tail=1))) == 1


async def test_only_lines_since_a_time_are_read(docker_world: DockerWorld) -> None:
    """Older ones are left out."""
    container_id = await running(docker_world, EXITS)
    found = await exited(docker_world, container_id)
    assert found.finished_at is not None
    later = found.finished_at + timedelta(seconds=1)

    assert await read(docker_world, container_id, OutputRequest(tail=1000, since=later)) == []


async def test_followed_output_ends_with_the_engine(docker_world: DockerWorld) -> None:
    """The iterator waits for new lines, and ends when the engine does."""
    container_id = await running(docker_world)
    followed = OutputRequest(tail=1000, follow=True)
    async with asyncio.timeout(SECONDS), docker_world.host.output(container_id, followed) as lines:
        assert (await anext(lines)).lines
        docker_world.kill(container_id)

        async for _ in lines:
            pass


async def test_container_that_is_gone_has_no_output(docker_world: DockerWorld) -> None:
    """The block is not entered."""
    with pytest.raises(ContainerGone):
        await read(docker_world, GONE, ALL)


async def test_followers_are_few_end_at_once_and_delay_nobody(real_docker: RealWorld) -> None:
    """The threads of followers that read nothing end with their blocks; other calls need none."""
    container_id = await running(real_docker, ENDLESS)
    followed = OutputRequest(tail=1, follow=True)
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as readers:
        entered = asyncio.Semaphore(0)
        leave = asyncio.Event()

        async def follow() -> None:
            async with real_docker.host.output(container_id, followed) as batches:
                await anext(batches)
                entered.release()
                await leave.wait()

        for _ in range(READERS):
            readers.create_task(follow())
        for _ in range(READERS):
            await entered.acquire()
        with pytest.raises(TooManyReaders, match="16 outputs"):
            await read(real_docker, container_id, ALL)
        assert await real_docker.host.inspect(container_id) is not None
        leave.set()
    async with asyncio.timeout(SECONDS):
        while _followers():  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # a thread gives no sign of its end

    assert await read(real_docker, container_id, OutputRequest(tail=10))


def _followers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "docker-output"]
