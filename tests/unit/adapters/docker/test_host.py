"""What the container host does around its calls of Docker."""

import asyncio
from typing import Any

import pytest

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.host import DockerContainerHost
from rtmanager.domain.errors import DockerUnavailable


class OneAtATime(DockerClient):
    """Answers each list when it is told to, with as many containers as there were lists."""

    def __init__(self) -> None:
        super().__init__("unix:///nowhere")
        self.lists = 0
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.error: Exception | None = None

    async def call(self, *_: Any, **__: Any) -> Any:
        self.lists += 1
        number = self.lists
        self.asked.set()
        await self.answer.wait()
        if self.error is not None:
            raise self.error
        return list(range(number))


@pytest.fixture
def client() -> OneAtATime:
    """Return a client that has listed nothing yet."""
    return OneAtATime()


@pytest.fixture
def host(client: OneAtATime) -> DockerContainerHost:
    """Return the host on it."""
    return DockerContainerHost(client, network="galaxy-net", start_concurrency=1)


async def test_whoever_asks_during_a_list_shares_the_next_one(
    client: OneAtATime, host: DockerContainerHost
) -> None:
    """Nobody gets a list that began before it was asked for."""
    first = asyncio.create_task(host.list_containers())
    await client.asked.wait()
    others = [asyncio.create_task(host.list_containers()) for _ in range(3)]
    await asyncio.sleep(0)
    client.answer.set()

    assert len(await first) == 1
    assert [len(each) for each in await asyncio.gather(*others)] == [2, 2, 2]
    assert client.lists == 2


async def test_an_error_is_everybody_s_who_shares_the_list_and_no_later_one_s(
    client: OneAtATime, host: DockerContainerHost
) -> None:
    """The next one asks Docker again."""
    client.error = DockerUnavailable("no answer")
    client.answer.set()
    asked = [asyncio.create_task(host.list_containers()) for _ in range(2)]
    errors = await asyncio.gather(*asked, return_exceptions=True)
    client.error = None

    assert [str(each) for each in errors] == ["no answer"] * 2
    assert len(await host.list_containers()) == 2


async def test_who_leaves_takes_nobody_s_list_away(
    client: OneAtATime, host: DockerContainerHost
) -> None:
    """A cancelled round does not cancel the list of another."""
    leaves, stays = (asyncio.create_task(host.list_containers()) for _ in range(2))
    await client.asked.wait()
    leaves.cancel()
    await asyncio.sleep(0)
    client.answer.set()

    assert len(await stays) == 1
    assert client.lists == 1
