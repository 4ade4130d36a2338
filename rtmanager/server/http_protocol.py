"""One HTTP connection: uvicorn's protocol on httptools, with limits to what its peer may do.

Uvicorn limits neither how long nor how large a request's head may be, nor how many requests are
sent ahead, answers malformed ones in plain text, and lets trailers become headers. Decision 0041
lists what is limited here and why it is not done by uvicorn's options or another library.
"""

import asyncio
from enum import Enum, auto
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from rtmanager.server.connections import Connections
from rtmanager.server.framing import HEAD_LIMIT, Framing
from rtmanager.server.joined_writes import JoinedWrites
from rtmanager.server.peer_time import PeerTime, unread_by
from rtmanager.server.refusals import Reason
from rtmanager.server.refused_requests import HEAD_TOO_LARGE, MALFORMED, HttpFault, too_slow

AHEAD_LIMIT = 16
"""Requests that a peer may send before the first of them is answered."""

KEEP_ALIVE = 5.0
"""Seconds for the next request to begin; uvicorn's default, known to callers' pools."""

LINGER = 2.0
"""Seconds for a refused peer to read why, while what it still sends is thrown away."""


class _Part(Enum):
    """What of a request is being received."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class _TooMuch(Exception):
    """The parser is to stop; `HttpProtocol._feed` knows why."""


class HttpProtocol(HttpToolsProtocol):
    """A connection that its peer can use neither endlessly nor for anything endless."""

    def __init__(
        self, *, connections: Connections, peer: str | None = None, **uvicorns: Any
    ) -> None:
        super().__init__(**uvicorns)
        self._all = connections
        self.peer = peer
        self._time = PeerTime(connections.now, connections.limits.request_timeout)
        self._is_new = True  # no request has arrived yet
        self._part = _Part.NOTHING
        self._framing = Framing()
        self._ends = False  # nothing more is looked at
        self._fault: HttpFault | None = None  # to be answered after the requests before it
        self._executed: RequestResponseCycle | None = None  # the request whose answer is due

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the time for the first request."""
        super().connection_made(transport)
        self._answers = JoinedWrites(transport)
        self._time.begin()
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        """Handle what the peer sent, in parts small enough for the limits to hold."""
        if len(data) <= HEAD_LIMIT:
            self._feed(data)
            return
        for start in range(0, len(data), HEAD_LIMIT):
            self._feed(data[start : start + HEAD_LIMIT])

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the connection's place; its requests learn that the caller has gone."""
        self._all.remove(self)
        self._disconnect()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the peer, which does not read what it asked for."""
        super().pause_writing()
        self._time.watch_reading(unread_by(self.transport))
        self._all.waits(self)

    def resume_writing(self) -> None:
        """Go on: the peer has read, and its time for the next request begins."""
        super().resume_writing()
        self._time.forget_reading()
        if self._answers_earlier():
            self._all.works(self)
        elif self._part is _Part.NOTHING and not self._ends:
            self._wait_for_next()

    def make_room(self) -> None:
        """Close the connection at once."""
        self._disconnect()
        self.transport.abort()

    def _disconnect(self) -> None:
        """Let the answer that is due go nowhere: uvicorn does so only with the latest request."""
        if self._executed is not None and not self._executed.response_complete:
            self._executed.disconnected = True
            self._executed.message_event.set()

    # The parser and what it reports

    def _feed(self, data: bytes) -> None:
        if self._ends:
            return
        self._framing.add(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade:
            self._end_after_answers()
        except HttpParserError:
            self._stop_parsing()
        else:
            if self._framing.is_too_large(self.headers or []):
                self._refuse(HEAD_TOO_LARGE)

    def _stop_parsing(self) -> None:
        if self._has_too_large_a_head():
            self._refuse(HEAD_TOO_LARGE)
        elif len(self.pipeline) >= AHEAD_LIMIT:
            self._end_after_answers()
        else:
            self._refuse(MALFORMED)

    def on_message_begin(self) -> None:
        """Begin a request, unless too many before it are not answered yet."""
        if len(self.pipeline) >= AHEAD_LIMIT:
            raise _TooMuch
        super().on_message_begin()
        self._part = _Part.HEAD
        if not self._is_new:
            self._time.begin()

    def on_headers_complete(self) -> None:
        """Start the request's execution; further headers are trailers, which nobody reads."""
        if self._has_too_large_a_head():
            raise _TooMuch
        super().on_headers_complete()
        self.headers = []
        self._is_new = False
        self._part = _Part.BODY

    def _has_too_large_a_head(self) -> bool:
        return self._part is not _Part.NOTHING and (
            self._framing.has_too_large_a_head(self.url, self.headers)
        )

    def on_body(self, body: bytes) -> None:
        """Pass on a part of the body."""
        self._framing.take_out(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request; from now on the peer waits for us."""
        super().on_message_complete()
        self._framing.end()
        self._part = _Part.NOTHING
        if self.cycle.response_complete:
            self._wait_for_next()
            return
        self._time.stop()
        if not self.flow.write_paused:
            self._all.works(self)

    # The answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._executed = cycle
        cycle.transport = self._answers  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with the next request that was sent ahead, or wait for one."""
        self.server_state.total_requests += 1
        self._answers.flush()
        if self.transport.is_closing():
            self._all.waits(self)
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            if self._part is _Part.BODY and not (self.pipeline or self._ends):
                self._wait_for_rest()
        elif self._fault is not None:
            self._answer_fault(self._fault)
        elif self._part is _Part.NOTHING:
            self._wait_for_next()
        elif self._part is _Part.HEAD:
            self._wait_for_rest()
        else:  # what remains is the body of the request that was answered
            self._all.waits(self)

    def _wait_for_rest(self) -> None:
        """Give a request as long as any other: until now, those before it were executed."""
        self._time.begin()
        self._all.waits(self)

    def _wait_for_next(self) -> None:
        self._time.begin(KEEP_ALIVE)
        self._all.waits(self)

    # The limits

    def expire(self) -> None:
        """Refuse or close the connection if its time is over.

        The time to send a request does not pass while those before it are executed, nor while its
        body is not read because the application did not ask for it.
        """
        if self.transport.is_closing() or self.flow.write_paused:
            self._time.watch_reading(unread_by(self.transport))
            if self._time.reads_too_slowly:
                self._all.refusals.add(Reason.ANSWER_NOT_READ)
                self.make_room()
        elif self._time.is_over:
            self._end_wait()

    def _end_wait(self) -> None:
        if self._ends:
            self.make_room()
        elif self._part is _Part.NOTHING:
            if self._is_new:
                self._all.refusals.add(Reason.SILENT)
            self.transport.close()
        elif self.flow.read_paused:
            self._time.begin()
        elif not self._answers_earlier():
            self._refuse(too_slow(self._time.patience))

    def _answers_earlier(self) -> bool:
        """Return whether a request before the one being received is not answered yet."""
        if self._part is _Part.BODY:
            return bool(self.pipeline)
        return not (self._is_new or self.cycle.response_complete)

    def _refuse(self, fault: HttpFault) -> None:
        """Answer the request being received, after those before it, and look at nothing more."""
        self._all.refusals.add(fault.reason)
        self._ends = True
        self._time.stop()
        waits_its_turn = self._answers_earlier()
        if self._part is _Part.BODY:
            if self.cycle.response_started:
                self._answers.close()
                return
            self._abandon(self.cycle)
        if waits_its_turn:
            self.flow.pause_reading()
            self._fault = fault
        else:
            self._answer_fault(fault)

    def _abandon(self, cycle: RequestResponseCycle) -> None:
        """Let the application's answer go nowhere; it learns that the caller has gone."""
        cycle.disconnected = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        if self.pipeline:
            self.pipeline.popleft()

    def _answer_fault(self, fault: HttpFault) -> None:
        """Send the answer and its end; what still arrives is thrown away for a while.

        A socket that is closed with unread bytes is reset, and the peer may lose the answer.
        """
        self._answers.flush()
        self.transport.write(fault.answer(self.server_state.default_headers))
        self.transport.write_eof()
        self._time.begin(LINGER)
        self._all.waits(self)

    def _end_after_answers(self) -> None:
        """Look at nothing more, and close when the requests so far are answered."""
        self._ends = True
        self.cycle.keep_alive = False
