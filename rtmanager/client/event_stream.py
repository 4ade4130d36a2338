"""The stream of events: parsed, and resumed after a lost connection."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from rtmanager.client.connection import Connection, parsed
from rtmanager.client.errors import ClientError
from rtmanager.client.reports import Event, StreamedEvent
from rtmanager.client.request import Request
from rtmanager.client.retries import Repeats, is_worth_repeating
from rtmanager.client.vocabulary import EventType

Lost = Callable[[ClientError, float], None]
"""Is called with the reason and the delay each time the stream is lost and will be resumed."""

_WITHOUT_DATA = {EventType.READY, EventType.RESET}


@dataclass(slots=True)
class SentEvents:
    """Collects lines into server-sent events, as the HTML standard says."""

    id: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def add(self, line: str) -> Iterator[tuple[str, str, str]]:
        """Add a line; yield the id, name and data of the event that it completes, if any."""
        if not line:
            name, data = self._name, "\n".join(self._data)
            self._name, self._data = "", []
            if name or data:
                yield self.id, name or "message", data
            return
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "id":
            self.id = value
        elif key == "event":
            self._name = value
        elif key == "data":
            self._data.append(value)


@dataclass(slots=True)
class EventStream:
    """Receives events, and connects again from the last one on."""

    connection: Connection
    request: Request
    last_id: str | None
    on_lost: Lost | None = None
    _has_begun: bool = False
    _failures: int = 0

    async def events(self) -> AsyncGenerator[StreamedEvent, None]:
        """Yield events for ever; raise ClientError if the first connection fails for good."""
        while True:
            try:
                async with aclosing(self._connected_once()) as received:
                    async for each in received:
                        yield each
                await asyncio.sleep(self.connection.retries.delay(1))
            except ClientError as fault:
                await self._wait_after(fault)

    async def _connected_once(self) -> AsyncGenerator[StreamedEvent, None]:
        """Yield the events of one connection, which the service ends after an hour."""
        resumed = {"Last-Event-ID": self.last_id} if self.last_id else {}
        request = replace(self.request, headers={**self.request.headers, **resumed})
        sent = SentEvents()
        async with aclosing(self.connection.lines(request)) as lines:
            async for line in lines:
                self._has_begun, self._failures = True, 0
                for event_id, name, data in sent.add(line):
                    self.last_id = event_id or self.last_id
                    yield self._event(EventType(name), data)

    def _event(self, kind: EventType, data: str) -> StreamedEvent:
        event = None if kind in _WITHOUT_DATA else parsed(Event, data, self.request)
        return StreamedEvent(self.last_id or "", kind, event)

    async def _wait_after(self, fault: ClientError) -> None:
        """Wait before the next try; a stream that was there once is tried for ever."""
        retries = self.connection.retries
        self._failures += 1
        is_last = not self._has_begun and self._failures >= retries.tries
        if is_last or not is_worth_repeating(fault, Repeats.READ):
            raise fault
        delay = retries.delay(self._failures)
        if self.on_lost is not None:
            self.on_lost(fault, delay)
        await asyncio.sleep(delay)
