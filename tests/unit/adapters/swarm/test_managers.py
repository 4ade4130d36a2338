"""Which manager is asked, and when the next one is."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.swarm.http_api import refused
from rtmanager.adapters.swarm.managers import Managers, NoLeader, _or_no_leader
from rtmanager.domain.ports.container_host import DockerUnavailable, HostRefused


def managers(*hosts: str, timeout: float = 0.3) -> Managers:
    """Return managers that are asked once each."""
    clients = [SimpleNamespace(host=each) for each in hosts]
    return Managers(cast("list[DockerClient]", clients), timeout=timeout)


class Answers:
    """Some managers answer, the others do not."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts
        self.asked: list[str] = []

    async def __call__(self, client: DockerClient) -> str:
        """Answer for a manager."""
        self.asked.append(client.host)
        if client.host not in self.hosts:
            raise DockerUnavailable
        return client.host


async def test_the_next_manager_is_asked_when_one_cannot_answer() -> None:
    """And then it is the one that is asked first."""
    asked, them = Answers("b", "c"), managers("a", "b", "c")

    assert [await them.ask(asked), await them.ask(asked)] == ["b", "b"]
    assert asked.asked == ["a", "b", "b"]
    assert them.current.host == "b"


async def test_a_late_answer_leads_nobody_back() -> None:
    """A former leader answers reads for a while, but whoever changes something has to leave it."""
    them, is_answered = managers("a", "b"), asyncio.Event()

    async def read(client: DockerClient) -> str:
        await is_answered.wait()
        return client.host

    reading = asyncio.create_task(them.ask(read))
    await asyncio.sleep(0)
    await them.ask(Answers("b"))
    is_answered.set()

    assert await reading == "a"
    assert them.current.host == "b"


async def test_a_refusal_is_an_answer() -> None:
    """Nobody else is asked what one has refused."""
    them, asked = managers("a", "b"), []

    async def refuse(client: DockerClient) -> None:
        asked.append(client.host)
        raise HostRefused

    with pytest.raises(HostRefused):
        await them.ask(refuse)
    assert asked == ["a"]


async def test_all_are_asked_before_the_call_fails() -> None:
    """After the deadline, with the error of the last one."""
    asked, them = Answers(), managers("a", "b", timeout=0.01)

    with pytest.raises(DockerUnavailable):
        await them.ask(asked)
    assert asked.asked[0] == "a"


async def test_all_are_asked_again_until_the_deadline() -> None:
    """A new leader may be elected meanwhile."""
    asked, them = Answers(), managers("a", "b", timeout=0.6)

    async def later(client: DockerClient) -> str:
        asked.hosts = ("a",) if len(asked.asked) > 1 else ()
        return await asked(client)

    assert await them.ask(later) == "a"
    assert asked.asked == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "rpc error: code = Unknown desc = The swarm does not have a leader."),
        (500, "rpc error: code = FailedPrecondition desc = raft: lost leader status"),
        (503, "This node is not a swarm manager. Use docker swarm init or join."),
        (500, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
        (500, "rpc error: code = Unavailable desc = connection error"),
    ],
)
def test_a_manager_that_cannot_answer_says_so_in_many_ways(status: int, message: str) -> None:
    """Docker has one status for all that can go wrong inside."""
    assert isinstance(_or_no_leader(refused)(error(status, message)), NoLeader)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (500, "rpc error: code = Unknown desc = update out of sequence", "OutOfSequence"),
        (404, "service abc not found", "ServiceGone"),
        (404, "rpc error: code = NotFound desc = service abc not found", "ServiceGone"),
        (404, "page not found", "HostRefused"),
        (409, "rpc error: code = AlreadyExists desc = name conflicts", "NameInUse"),
        (400, "invalid memory value 1: Must be at least 4MiB", "SpecRefused"),
        (500, "network galaxy-net not found", "SpecRefused"),
        (500, "rpc error: code = Unknown desc = constraint expected one operator", "SpecRefused"),
        (500, "something else", "HostRefused"),
    ],
)
def test_refusals_are_told_apart_by_their_words(status: int, message: str, kind: str) -> None:
    """As Docker 20.10 says them."""
    found = _or_no_leader(refused)(error(status, message))

    assert type(found).__name__ == kind


def error(status: int, message: str) -> APIError:
    """Return what the SDK raises for an error answer."""
    response: Any = SimpleNamespace(status_code=status, reason="", url="")
    kind = __import__("docker").errors.NotFound if status == 404 else APIError
    found: APIError = kind(message, response=response, explanation=message)
    return found
