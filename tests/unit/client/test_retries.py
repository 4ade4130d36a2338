"""What is tried again, how often, and with which request id."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from rtmanager.client import ClientError, Conflict, Retries, RuntimeManagerClient
from rtmanager.client.retries import Repeats
from tests.unit.client.fake_service import FakeService, answered, client_of, failed

Call = Callable[[RuntimeManagerClient], Awaitable[Any]]

READS: dict[str, Call] = {
    "list": lambda rtm: rtm.list(),
    "explain": lambda rtm: rtm.explain("g"),
    "operation": lambda rtm: rtm.operation(7, wait=1),
}
REPLAYS: dict[str, Call] = {
    "start": lambda rtm: rtm.start("g", "a:1.0.0"),
    "stop": lambda rtm: rtm.stop("g", "finished"),
    "patch": lambda rtm: rtm.patch("g", "a:1.0.1"),
    "cleanup": lambda rtm: rtm.cleanup("g"),
}
WORDS: dict[str, Call] = {
    "lost": lambda rtm: rtm.node_lost("n"),
    "drain": lambda rtm: rtm.drain_node("n"),
    "activate": lambda rtm: rtm.activate_node("n"),
}
ONCE: dict[str, Call] = {"restart": lambda rtm: rtm.restart("g")}
PROBES: dict[str, Call] = {"readyz": lambda rtm: rtm.readyz(), "healthz": lambda rtm: rtm.healthz()}
CALLS = READS | REPLAYS | WORDS | ONCE | PROBES

NOT_SENT = httpx.ConnectError("nothing listens")
LOST = httpx.RemoteProtocolError("Server disconnected without sending a response.")
UNAVAILABLE = failed(503, "service_unavailable")
DOCKER = failed(503, "docker_unavailable")
PROXY = httpx.Response(502, text="<h1>Bad Gateway</h1>")
NO_REPLICA = httpx.Response(503, text="<h1>No server is available</h1>")
REFUSED = failed(409, "conflict")
DEFECT = failed(500, "internal_error")


async def tries_of(call: Call, fault: httpx.Response | Exception) -> int:
    """Return how often a call is tried that fails once and would then succeed."""
    service = FakeService(fault)
    async with client_of(service) as rtm:
        try:
            await call(rtm)
        except ClientError:
            assert len(service.requests) == 1
    ids = {each.headers["x-request-id"] for each in service.requests}
    assert len(ids) == 1
    return len(service.requests)


@pytest.mark.parametrize("name", CALLS)
async def test_request_that_was_not_sent_is_sent_again(name: str) -> None:
    """A failed connection has no effect, so that even a restart is tried again."""
    assert await tries_of(CALLS[name], NOT_SENT) == 2


@pytest.mark.parametrize(
    "fault", [LOST, httpx.ReadTimeout("late"), UNAVAILABLE, DOCKER, PROXY, NO_REPLICA]
)
@pytest.mark.parametrize("name", READS | REPLAYS | WORDS)
async def test_what_is_safe_to_repeat_is_repeated(
    name: str, fault: httpx.Response | Exception
) -> None:
    """Reads, and operations that are replays when nothing is left to do, with the same id."""
    assert await tries_of(CALLS[name], fault) == 2


@pytest.mark.parametrize("fault", [LOST, httpx.ReadTimeout("late"), UNAVAILABLE, DOCKER])
async def test_restart_that_may_have_begun_is_never_repeated(
    fault: httpx.Response | Exception,
) -> None:
    """Each request restarts the engine, so that a lost answer must not be asked for again."""
    assert await tries_of(ONCE["restart"], fault) == 1


@pytest.mark.parametrize("name", PROBES)
async def test_service_that_is_not_ready_is_an_answer(name: str) -> None:
    """Whoever asks whether the service is ready wants to hear no at once."""
    assert await tries_of(PROBES[name], UNAVAILABLE) == 1


@pytest.mark.parametrize(
    "fault", [DEFECT, failed(404, "not_found"), failed(400, "invalid_request")]
)
@pytest.mark.parametrize("name", CALLS)
async def test_decided_answer_is_not_asked_for_again(name: str, fault: httpx.Response) -> None:
    """Repeating does not help when the service has decided."""
    assert await tries_of(CALLS[name], fault) == 1


async def test_tries_are_bounded() -> None:
    """A service that stays away is given up after the last try."""
    service = FakeService(*[NOT_SENT] * 9)
    async with client_of(service, retries=Retries(tries=3, first_delay=0)) as rtm:
        with pytest.raises(ClientError):
            await rtm.list()

    assert len(service.requests) == 3


def test_delays_double_up_to_a_bound_with_jitter() -> None:
    """Callers that failed together do not return together, and nobody waits for minutes."""
    retries = Retries(first_delay=0.2, longest_delay=5.0, _random=random.Random(7))  # noqa: S311
    delays = [retries.delay(failures) for failures in range(1, 9)]
    wholes = [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]

    assert all(whole / 2 <= each <= whole for each, whole in zip(delays, wholes, strict=True))
    assert len(set(delays)) == len(delays)
    assert retries.delay(10_000) <= 5.0
    assert not retries.may_try_again(ClientError("", request_id=""), Repeats.READ, 1)


async def test_repeat_that_meets_its_own_first_try_waits_for_it() -> None:
    """The first try may run for longer than a second one waits for the game: follow it."""
    page = (await client_of(FakeService()).operations()).json
    one = {**page, "items": page["items"][:1], "next_cursor": None}
    done = {**one["items"][0], "outcome": "success"}
    service = FakeService(LOST, REFUSED, answered(one), answered(done))
    async with client_of(service) as rtm:
        record = await rtm.patch("g", "a:1.0.1", request_id="mine")

    assert record.game_id == "text"
    patch, again, search, wait, last = service.requests
    assert patch.url == again.url == last.url
    assert dict(search.url.params) == {"source_ref": "mine", "outcome": "open"}
    assert wait.url.path.endswith("/operations/7")
    assert last.headers["x-request-id"] == "mine"


async def test_conflict_with_the_operation_of_another_is_raised() -> None:
    """Only an operation with the same request id is one's own."""
    nothing = answered({"items": [], "next_cursor": None})
    service = FakeService(REFUSED, nothing)
    async with client_of(service) as rtm:
        with pytest.raises(Conflict):
            await rtm.start("g", "a:1.0.0")

    assert len(service.requests) == 2
