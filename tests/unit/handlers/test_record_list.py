import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Message

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.runtime_records import PAGE
from rtmanager.domain.runtime import ListedRecord
from rtmanager.handlers import answer_in_parts
from rtmanager.handlers.answer_in_parts import KeptMemory
from rtmanager.handlers.ascii_json import encode
from rtmanager.handlers.record_list import RecordList
from rtmanager.handlers.rendering import runtime_json
from tests.builders import NOON, make_record
from tests.unit.workers.turns import turns, until


def scope(method: str = "GET", version: str = "1.1") -> dict[str, Any]:
    """Return a request."""
    return {"type": "http", "method": method, "http_version": version}


def listed(**changes: object) -> ListedRecord:
    """Return a record as it is listed."""
    return ListedRecord.of(make_record(**changes))


def records(number: int) -> Sequence[ListedRecord]:
    """Return as many records."""
    return [listed(game_id=GameId(f"g{each:05}")) for each in range(number)]


@dataclass
class Pages:
    """Pages of records; `read` were read, and something is held for them while `is_held`."""

    records: Sequence[ListedRecord]
    fails_at: int | None = None
    read: int = 0
    is_held: bool = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Sequence[ListedRecord]]]:
        """Read as the port has it."""
        async with aclosing(self._pages()) as pages:
            yield pages

    async def _pages(self) -> AsyncGenerator[Sequence[ListedRecord], None]:
        self.is_held = True
        try:
            for first in range(0, len(self.records), PAGE):
                if self.read == self.fails_at:
                    raise ServiceUnavailable
                self.read += 1
                page = self.records[first : first + PAGE]
                self.is_held = len(page) == PAGE
                yield page
        finally:
            self.is_held = False


@dataclass
class Caller:
    """Reads the list, of which it takes as many messages as it may."""

    pages: Pages
    memory: KeptMemory = field(default_factory=KeptMemory)
    sent: list[Message] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    takes: int = 1_000
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _has_asked: bool = False

    async def receive(self) -> Message:
        """Send the request, then stay until the caller goes."""
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message, perhaps only later."""
        if len(self.sent) >= self.takes:
            await self.reads.wait()
        self.sent.append(message)
        self.held.append(self.pages.is_held)

    async def call(self, **request: str) -> None:
        """Read the list."""
        await RecordList(self.pages.open(), self.memory)(scope(**request), self.receive, self.send)

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers of the answer."""
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        """What was sent."""
        return b"".join(each.get("body", b"") for each in self.sent)

    @property
    def is_whole(self) -> bool:
        """Whether the answer was ended."""
        return not self.sent[-1].get("more_body", False)


@pytest.mark.parametrize("number", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
async def test_list_has_every_record_as_it_is_shown_alone(number: int) -> None:
    """Whatever the number of pages."""
    shown = records(number)
    caller = Caller(Pages(shown))

    await caller.call()

    assert json.loads(caller.body) == json.loads(encode({"items": [*map(runtime_json, shown)]}))
    assert caller.is_whole
    assert caller.headers[b"content-type"] == b"application/json"
    assert caller.headers[b"cache-control"] == b"no-store"


async def test_times_have_microseconds_even_if_they_are_zero() -> None:
    """The encoder would leave them out."""
    caller = Caller(Pages([listed(created_at=NOON.replace(microsecond=0))]))

    await caller.call()

    (item,) = json.loads(caller.body)["items"]
    assert item["created_at"] == "2026-03-01T12:00:00.000000Z"
    assert item["last_op_at"].endswith("Z")
    assert len(item["last_op_at"]) == len(item["created_at"])


async def test_short_list_is_sent_as_a_whole_with_nothing_held() -> None:
    """A caller that does not read it keeps nothing."""
    caller = Caller(Pages(records(PAGE - 1)))

    await caller.call()

    assert int(caller.headers[b"content-length"]) == len(caller.body)
    assert not any(caller.held)


async def test_pages_are_read_as_they_are_taken() -> None:
    """One is being sent and one waits, however long the list is."""
    caller = Caller(Pages(records(4 * PAGE + 1)), takes=2)
    call = asyncio.create_task(caller.call())
    await turns(20)

    assert caller.pages.read == 3
    caller.reads.set()
    await call
    assert caller.pages.read == 5


async def test_list_that_cannot_be_read_is_refused_before_anything_is_sent() -> None:
    """The error gets its answer."""
    caller = Caller(Pages(records(2 * PAGE), fails_at=0))

    with pytest.raises(ServiceUnavailable):
        await caller.call()

    assert caller.sent == []


async def test_error_amid_the_list_leaves_it_without_an_end() -> None:
    """The server then closes the connection: half a list must not look like a whole one."""
    caller = Caller(Pages(records(3 * PAGE), fails_at=2))

    with pytest.raises(ServiceUnavailable):
        await caller.call()

    assert caller.body.startswith(b'{"items":[{')
    assert not caller.is_whole


async def test_caller_that_reads_slowly_does_not_hold_up_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rest is read and kept for it, compressed; in the end it has the whole list."""
    monkeypatch.setattr(answer_in_parts, "PATIENCE", 0)
    caller = Caller(Pages(records(3 * PAGE)), takes=2)
    call = asyncio.create_task(caller.call())
    await until(lambda: caller.pages.read == 3)
    await turns(20)

    assert not caller.pages.is_held
    assert 0 < caller.memory.used < PAGE * 100
    caller.reads.set()
    await call
    assert len(json.loads(caller.body)["items"]) == 3 * PAGE
    assert caller.is_whole
    assert caller.memory.used == 0


async def test_callers_that_read_slowly_share_what_can_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who comes when it is full gets a broken answer, and nothing is left of it."""
    monkeypatch.setattr(answer_in_parts, "PATIENCE", 0)
    caller = Caller(Pages(records(9 * PAGE)), KeptMemory(most=20_000), takes=2)

    with pytest.raises(ServiceUnavailable, match="too slowly"):
        await caller.call()

    assert not caller.pages.is_held
    assert not caller.is_whole
    assert caller.memory.used == 0


async def test_caller_that_goes_is_not_read_for() -> None:
    """What is held is given back at once."""
    caller = Caller(Pages(records(9 * PAGE)), takes=2)
    call = asyncio.create_task(caller.call())
    await turns(20)
    caller.gone.set()
    await turns(20)
    caller.reads.set()  # the listener lets whatever is sent to nobody pass

    await call
    assert caller.pages.read < 5
    assert not caller.pages.is_held


async def test_cancelled_list_gives_back_what_is_held() -> None:
    """A request is cancelled when the time for a shutdown is over."""
    caller = Caller(Pages(records(3 * PAGE)), takes=2)
    call = asyncio.create_task(caller.call())
    await turns(20)
    assert caller.pages.is_held
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert not caller.pages.is_held


async def test_head_is_answered_with_the_first_page_read() -> None:
    """It shows whether the list can be read; the rest would be for nobody."""
    caller = Caller(Pages(records(3 * PAGE)))

    await caller.call(method="HEAD")

    assert caller.pages.read == 1
    assert caller.body == b""
    assert caller.is_whole


async def test_http_1_0_gets_a_long_list_with_its_length() -> None:
    """It knows no chunks, and takes any end for the end."""
    caller = Caller(Pages(records(3 * PAGE)))

    await caller.call(version="1.0")

    assert int(caller.headers[b"content-length"]) == len(caller.body)
    assert len(json.loads(caller.body)["items"]) == 3 * PAGE
