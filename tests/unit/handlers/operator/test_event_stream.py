import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Message

from rtmanager.adapters.in_memory.operator_events import EventTable, InMemoryOperatorEvents
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.event_feed import EventFeed
from rtmanager.domain.insight.health import HealthState
from rtmanager.domain.insight.operator_events import HealthChange
from rtmanager.handlers.operator import event_stream
from rtmanager.handlers.operator.event_stream import EventStream
from tests.unit.workers.turns import turns, until

SCOPE = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}


class Page:
    """A caller that keeps what it is sent, and may go or stop reading."""

    def __init__(self, game_id: str | None = None, *, most: int = 10) -> None:
        self.table = EventTable()
        self.feed = EventFeed(InMemoryOperatorEvents(self.table))
        self.response = EventStream(self.feed, after=None, game_id=game_id, most=most)
        self.sent: list[Message] = []
        self.gone = asyncio.Event()
        self._has_asked = False
        self._news = asyncio.Event()

    async def receive(self) -> Message:
        """Send the request, then stay until the caller goes."""
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Keep what is sent."""
        self.sent.append(message)
        self._news.set()

    async def says(self, text: str, *, times: int = 1) -> None:
        """Wait until the text was sent this often."""
        async with asyncio.timeout(5):
            while self.text.count(text) < times:
                self._news.clear()
                await self._news.wait()

    @property
    def text(self) -> str:
        """Everything that was sent."""
        return b"".join(each.get("body", b"") for each in self.sent).decode()

    async def happen(self, game: str) -> None:
        """Write an event, and hand it out."""
        self.table.add(GameId(game), HealthChange(state=HealthState.HEALTHY))
        await self.feed.advance()
        await turns(20)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[asyncio.Task[None]]:
        """Open the page for the block; it has gone after it."""
        task = asyncio.create_task(self.response(SCOPE, self.receive, self.send))
        await until(lambda: "event: ready" in self.text)
        yield task
        self.gone.set()
        await task


async def test_events_are_sent_with_id_name_and_data_in_one_line() -> None:
    """As the standard has it, and browsers read it."""
    page = Page()
    async with page.opened():
        await page.happen("g1")

    *_, event, end = page.text.split("\n\n")
    assert end == ""
    id_line, name, data = event.split("\n")
    assert id_line == f"id: {page.table.events[0].id}"
    assert name == "event: health"
    assert data.startswith('data: {"type":"health","game_id":"g1","at":"2026-')
    assert page.sent[0]["status"] == 200


async def test_only_the_events_of_the_game_are_sent() -> None:
    """A page of one game hears nothing of the others."""
    page = Page("g2")
    async with page.opened():
        for game in ("g1", "g2", "g3"):
            await page.happen(game)

    assert page.text.count("event: health") == 1
    assert '"game_id":"g2"' in page.text


async def test_comment_is_sent_when_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller sees that the connection lives."""
    monkeypatch.setattr(event_stream, "COMMENT_EVERY", 0.001)
    page = Page()
    async with page.opened():
        await page.says(": nothing\n\n", times=2)


async def test_comment_has_the_id_of_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of a quiet game continues there, not at an event that is long gone."""
    monkeypatch.setattr(event_stream, "COMMENT_EVERY", 0.001)
    page = Page("quiet")
    async with page.opened():
        await page.happen("g1")
        await page.says(f": nothing else\nid: {page.table.events[0].id}\n\n")


async def test_stream_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a whole answer, so that the caller connects again, perhaps elsewhere."""
    monkeypatch.setattr(event_stream, "LIFETIME", 0.05)
    page = Page()
    async with asyncio.timeout(5):
        await page.response(SCOPE, page.receive, page.send)

    assert page.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert len(page.feed) == 0


async def test_stream_ends_with_the_service() -> None:
    """At once, and with a whole answer."""
    page = Page()
    async with page.opened() as task:
        page.feed.close()
        async with asyncio.timeout(5):
            await task

    assert page.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_caller_that_goes_leaves_nothing_behind() -> None:
    """No subscription, and no task that waits for ever."""
    before = asyncio.all_tasks()
    page = Page()
    async with page.opened():
        assert len(page.feed) == 1

    assert len(page.feed) == 0
    gc.collect()
    await turns(20)
    assert asyncio.all_tasks() == before


async def test_one_stream_too_many_is_refused_before_it_begins() -> None:
    """Nothing was sent: the error can be answered."""
    page = Page(most=0)

    with pytest.raises(ServiceUnavailable, match="0 streams of events are open"):
        await page.response(SCOPE, page.receive, page.send)
    assert page.sent == []


async def test_head_is_answered_at_once() -> None:
    """A stream behind it would keep the next request on the connection waiting for an hour."""
    page = Page()
    async with asyncio.timeout(5):
        await page.response({**SCOPE, "method": "HEAD"}, page.receive, page.send)

    assert page.sent[0]["status"] == 200
    assert page.text == ""
    assert len(page.feed) == 0
