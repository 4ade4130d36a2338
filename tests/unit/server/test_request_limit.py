"""How many requests are executed at once: those that wait for their caller are not."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rtmanager.handlers.errors import ErrorBoundary
from rtmanager.server.refusals import Reason
from rtmanager.server.request_limit import RequestLimit
from tests.unit.server.transport import CountedRefusals, hello, turns

OK, BUSY = 200, 503
HALF = {"type": "http.request", "body": b"a", "more_body": True}
LAST = {"type": "http.request", "body": b"b", "more_body": False}
GONE = {"type": "http.disconnect"}


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body of a POST, then say hello."""
    while scope["method"] == "POST" and (await receive()).get("more_body"):
        pass
    await hello(scope, receive, send)


async def working(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Work for ever, without a look at the body."""
    await asyncio.Event().wait()


async def reading_and_working(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, and work for ever."""
    while (await receive()).get("more_body"):
        pass
    await working(scope, receive, send)


async def reading_to_the_end(_scope: Scope, receive: Receive, _send: Send) -> None:
    """Read the body, and wait for the caller to go, as an application does that works meanwhile."""
    while (await receive())["type"] != "http.disconnect":
        pass


@dataclass
class Caller:
    """Sends the parts of a request's body, and reads its answer."""

    parts: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    answer: list[Message] = field(default_factory=list)
    reads: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive_answer(self, message: Message) -> None:
        """Keep a part of the answer, once the caller reads."""
        await self.reads.wait()
        self.answer.append(message)

    @property
    def status(self) -> int | None:
        """The status of the answer, if there is one."""
        return self.answer[0]["status"] if self.answer else None


class Server:
    """Executes one request at once."""

    def __init__(self, app: ASGIApp) -> None:
        self.refusals = CountedRefusals()
        self.limit = RequestLimit(ErrorBoundary(app), 1, self.refusals)
        self.tasks: list[asyncio.Task[None]] = []

    async def call(self, *parts: Message, method: str = "POST", reads: bool = True) -> Caller:
        """Begin a request."""
        caller = Caller()
        for part in parts:
            caller.parts.put_nowait(part)
        if reads:
            caller.reads.set()
        scope: dict[str, Any] = {"type": "http", "method": method, "path": "/a", "headers": []}
        begun = self.limit(scope, caller.parts.get, caller.receive_answer)
        self.tasks.append(asyncio.create_task(begun))
        await turns()
        return caller


@contextmanager
def serving(app: ASGIApp) -> Iterator[Server]:
    """Return a server whose requests are cancelled at the end."""
    server = Server(app)
    yield server
    for task in server.tasks:
        task.cancel()


async def test_a_request_whose_body_does_not_come_takes_no_place() -> None:
    """However many bodies are waited for, others are answered, and these once they are whole."""
    with serving(reading) as server:
        slow = [await server.call(HALF) for _ in range(5)]
        other = await server.call(method="GET")
        before = [each.status for each in slow]
        for each in slow:
            each.parts.put_nowait(LAST)
            await turns()

    assert other.status == OK
    assert before == [None] * 5
    assert [each.status for each in slow] == [OK] * 5
    assert server.refusals.added == []


async def test_bodies_that_become_whole_together_are_limited_too() -> None:
    """Otherwise callers could pile up work by the last bytes of their requests."""
    with serving(reading_and_working) as server:
        slow = [await server.call(HALF) for _ in range(3)]
        for each in slow:
            each.parts.put_nowait(LAST)
        await turns()

    assert [each.status for each in slow] == [None, BUSY, BUSY]
    assert server.refusals.added == [Reason.TOO_MANY_REQUESTS] * 2


@pytest.mark.parametrize("app", [working, reading_and_working, reading_to_the_end])
async def test_a_request_takes_its_place_as_long_as_it_is_executed(app: ASGIApp) -> None:
    """Whether it reads its body or not, and although its caller could go meanwhile."""
    with serving(app) as server:
        await server.call(LAST)
        other = await server.call(LAST)

    assert other.status == BUSY


async def test_a_request_without_a_look_at_its_body_takes_its_place() -> None:
    """A body that is not complete hides no work."""
    with serving(working) as server:
        await server.call(HALF)
        other = await server.call(LAST)

    assert other.status == BUSY


async def test_an_answer_that_is_not_read_takes_no_place() -> None:
    """Who does not read keeps nobody out: the work is done."""
    with serving(reading) as server:
        await server.call(LAST, reads=False)
        other = await server.call(LAST)

    assert other.status == OK


async def test_a_caller_that_goes_leaves_no_place_taken() -> None:
    """However a request ends, it is not counted any more."""
    with serving(reading_to_the_end) as server:
        for _ in range(3):
            await server.call(HALF, LAST, GONE)
        cancelled = await server.call(HALF)
        server.tasks[-1].cancel()
        await turns()

    assert cancelled.status is None or cancelled.status == BUSY
    assert server.limit.executed == 0
