from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from inspect import iscoroutinefunction

import pytest

from rtmanager.adapters.observed.calls import observed_calls
from rtmanager.domain.errors import Conflict, DockerUnavailable, ServiceUnavailable
from rtmanager.domain.ports.game_lease import LeaseLost
from tests.support.observed import Counted, Spans

DURATION, ERRORS = "rtmanager.dependency.call.duration", "rtmanager.dependency.call.errors"


Pages = AsyncIterator[int]


class Port:
    """A port whose call raises what it is given."""

    starts_wait = True

    async def start(self, error: Exception | None = None) -> str:
        if error:
            raise error
        return "started"

    async def read(self) -> str:
        return "read"

    def path(self) -> str:
        return "path"

    @asynccontextmanager
    async def pages(self, number: int, error: Exception | None = None) -> AsyncIterator[Pages]:
        yield self._pages(number, error)

    async def _pages(self, number: int, error: Exception | None) -> Pages:
        for page in range(number):
            yield page
        if error:
            raise error


@pytest.fixture
def counted() -> Counted:
    """Return what the test counts."""
    return Counted()


async def test_a_call_is_timed_by_its_name(counted: Counted) -> None:
    """Each call of a dependency is in the histogram, which also counts it; its result is passed."""
    port = observed_calls(Port(), "docker")

    assert [await port.start(), await port.start()] == ["started", "started"]
    assert counted.by(DURATION, dependency="docker", call="start") == 2
    assert counted.labels(ERRORS) == []


async def test_each_page_that_is_read_is_a_call(counted: Counted) -> None:
    """And so is the one that finds the end; what the reader does in between is not timed."""
    async with observed_calls(Port(), "postgres").pages(3) as pages:
        read = [page async for page in pages]

    assert read == [0, 1, 2]
    assert counted.by(DURATION, dependency="postgres", call="page") == 4
    assert counted.labels(ERRORS) == []


async def test_a_page_that_cannot_be_read_is_an_error(counted: Counted) -> None:
    """It is counted as that of any other call."""
    async with observed_calls(Port(), "postgres").pages(1, ServiceUnavailable()) as pages:
        await anext(pages)
        with pytest.raises(ServiceUnavailable):
            await anext(pages)

    assert counted.labels(ERRORS) == [{"dependency": "postgres", "error": "unavailable"}]


@pytest.mark.parametrize(
    ("error", "label"),
    [
        (DockerUnavailable(), "unavailable"),
        (ServiceUnavailable(), "unavailable"),
        (ValueError("a bug"), "defect"),
    ],
)
async def test_a_call_without_an_answer_is_an_error(
    counted: Counted, error: Exception, label: str
) -> None:
    """A dependency that does not answer, and a bug, are counted; the error is passed on."""
    with pytest.raises(type(error)):
        await observed_calls(Port(), "docker").start(error)

    assert counted.labels(ERRORS) == [{"dependency": "docker", "error": label}]
    assert counted.by(DURATION, dependency="docker", call="start") == 1


@pytest.mark.parametrize("answer", [Conflict(), LeaseLost()])
async def test_a_refusal_is_an_answer(counted: Counted, answer: Exception) -> None:
    """A container that is gone, or a lease that another holds, is no fault of the dependency."""
    with pytest.raises(type(answer)):
        await observed_calls(Port(), "docker").start(answer)

    assert counted.labels(ERRORS) == []


async def test_a_read_that_waits_for_work_is_not_timed(counted: Counted) -> None:
    """It takes as long as nothing happens."""
    assert await observed_calls(Port(), "redis").read() == "read"
    assert counted.labels(DURATION) == []


async def test_everything_else_is_passed_through() -> None:
    """Plain methods and attributes are the port's; calls stay coroutine functions."""
    port = observed_calls(Port(), "docker")

    assert (port.path(), port.starts_wait) == ("path", True)
    assert iscoroutinefunction(port.start)


async def test_a_failed_calls_span_has_its_message_and_no_traceback() -> None:
    """The causes of an error quote what is kept from callers."""
    spans = Spans()
    error = DockerUnavailable("no answer")
    error.__cause__ = ValueError("a secret of the registry")
    with spans.tracer.start_as_current_span("operation"), suppress(DockerUnavailable):
        await observed_calls(Port(), "docker", spans.tracer).start(error)

    span = spans.named("docker start")
    assert span.status.description == "DockerUnavailable: no answer"
    assert "secret" not in span.to_json()


async def test_a_call_is_a_span_only_inside_of_one(counted: Counted) -> None:
    """What an operation does is in its trace; the rounds of workers make none of their own."""
    spans = Spans()
    port = observed_calls(Port(), "docker", spans.tracer)
    await port.start()
    with spans.tracer.start_as_current_span("operation") as outer:
        await port.start()

    span = spans.named("docker start")
    assert span.parent == outer.get_span_context()
    assert span.attributes == {"peer.service": "docker"}
    assert counted.by(DURATION, dependency="docker", call="start") == 2
