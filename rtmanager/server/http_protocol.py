"""One HTTP connection: uvicorn's protocol on httptools, with limits to what its peer may do.

Uvicorn limits neither how long nor how large a request's head may be, nor how many requests are
sent ahead, answers malformed ones in plain text, and lets trailers become headers. Decision 0041
lists what is limited here and why it is not done by uvicorn's options or another library.
"""

import asyncio
import math
from enum import Enum, auto
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from rtmanager.server.admission import is_loopback, peer_address
from rtmanager.server.connections import Connections
from rtmanager.server.refusals import Reason
from rtmanager.server.refused_requests import (
    HEAD_TOO_LARGE,
    MALFORMED,
    RefusedRequest,
    too_many_requests,
    too_slow,
)

HEAD_LIMIT = 64 * 1024
"""Bytes of a request besides its body: request line, headers, chunk sizes, trailers."""

HEADERS_LIMIT = 100
"""Headers of a request, and its trailers: each costs many times its bytes in memory."""

AHEAD_LIMIT = 16
"""Requests that a peer may send before the first of them is answered."""

KEEP_ALIVE = 5.0
"""Seconds for the next request to begin; uvicorn's default, known to callers' pools."""

LINGER = 2.0
"""Seconds for a refused peer to read why, while what it still sends is thrown away."""

_LINE_ENDS = 4
_ALWAYS_ANSWERED = "/healthz"


class _Part(Enum):
    """What of a request is being received."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class _TooMuch(Exception):
    """The parser is to stop; `HttpProtocol._feed` knows why."""


class HttpProtocol(HttpToolsProtocol):
    """A connection that its peer can use neither endlessly nor for anything endless."""

    def __init__(self, *, connections: Connections, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._all = connections
        self.peer: str | None = None
        self._patience = connections.limits.request_timeout
        self._is_new = True  # no request has arrived yet
        self._part = _Part.NOTHING
        self._framing = 0  # bytes of the request being received that are not its body
        self._ends = False  # nothing more is looked at
        self._refused: RefusedRequest | None = None  # to be answered after the requests before it
        self._deadline = math.inf
        self._blocked_since: float | None = None
        self._closing_since: float | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the time for the first request."""
        super().connection_made(transport)
        address = peer_address(transport.get_extra_info("peername"))
        self.peer = None if address is None or is_loopback(address) else address
        self._deadline = self._all.now() + self._patience
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        """Handle what the peer sent, in parts small enough for the limits to hold."""
        if len(data) <= HEAD_LIMIT:
            self._feed(data)
            return
        for start in range(0, len(data), HEAD_LIMIT):
            self._feed(data[start : start + HEAD_LIMIT])

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up the connection's place."""
        self._all.remove(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Note since when the peer does not read its answer."""
        self._blocked_since = self._all.now()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the peer reads."""
        self._blocked_since = None
        super().resume_writing()

    def make_room(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    # The parser and what it reports

    def _feed(self, data: bytes) -> None:
        if self._ends:
            return
        self._framing += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade:
            self._end_after_answers()
        except HttpParserError:
            self._stop_parsing()
        else:
            if self._framing > HEAD_LIMIT or len(self.headers or ()) > HEADERS_LIMIT:
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
            self._deadline = self._all.now() + self._patience

    def on_headers_complete(self) -> None:
        """Start the request's execution; further headers are trailers, which nobody reads."""
        if self._has_too_large_a_head():
            raise _TooMuch
        super().on_headers_complete()
        self.headers = []
        self._is_new = False
        self._part = _Part.BODY

    def _has_too_large_a_head(self) -> bool:
        """Return whether the head is too large; what is of the same read may be of the body."""
        if len(self.headers or ()) > HEADERS_LIMIT:
            return True
        if self._framing <= HEAD_LIMIT or self._part is not _Part.HEAD:
            return False
        sizes = (len(name) + len(value) + _LINE_ENDS for name, value in self.headers)
        return len(self.url) + sum(sizes) > HEAD_LIMIT

    def on_body(self, body: bytes) -> None:
        """Pass on a part of the body."""
        self._framing -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request; from now on the peer waits for us."""
        super().on_message_complete()
        self._framing = 0
        self._part = _Part.NOTHING
        if self.cycle.response_complete:
            self._wait_for_next()
        else:
            self._deadline = math.inf
            self._all.works(self)

    # The answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if len(self.tasks) >= self._all.limits.max_requests and (
            cycle.scope["path"] != _ALWAYS_ANSWERED
        ):
            self._all.refusals.add(Reason.TOO_MANY_REQUESTS)
            app = too_many_requests()
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with the next request that was sent ahead, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._refused is not None:
            self._answer_refused(self._refused)
        elif self._part is _Part.NOTHING:
            self._wait_for_next()
        else:
            self._all.waits(self)

    def _wait_for_next(self) -> None:
        self._deadline = self._all.now() + KEEP_ALIVE
        self._all.waits(self)

    # The limits

    def expire(self, now: float) -> None:
        """Refuse or close the connection if its time is over.

        The time to send a request does not pass while those before it are executed, nor while its
        body is not read because the application did not ask for it.
        """
        if self.transport.is_closing():
            self._closing_since = self._closing_since or now
            self._abort_if_unread(now, self._closing_since)
        elif self._blocked_since is not None:
            self._abort_if_unread(now, self._blocked_since)
        elif now >= self._deadline:
            self._end_wait()

    def _abort_if_unread(self, now: float, since: float) -> None:
        if now - since >= self._patience:
            self._all.refusals.add(Reason.ANSWER_NOT_READ)
            self.transport.abort()

    def _end_wait(self) -> None:
        if self._ends:
            self.transport.abort()
        elif self._part is _Part.NOTHING:
            if self._is_new:
                self._all.refusals.add(Reason.SILENT)
            self.transport.close()
        elif not (self._answers_earlier() or self.flow.read_paused):
            self._refuse(too_slow(self._patience))

    def _answers_earlier(self) -> bool:
        """Return whether a request before the one being received is not answered yet."""
        if self._part is _Part.BODY:
            return bool(self.pipeline)
        return not (self._is_new or self.cycle.response_complete)

    def _refuse(self, refused: RefusedRequest) -> None:
        """Answer the request being received, after those before it, and look at nothing more."""
        self._all.refusals.add(refused.reason)
        self._ends = True
        self._deadline = math.inf
        waits_its_turn = self._answers_earlier()
        if self._part is _Part.BODY:
            if self.cycle.response_started:
                self.transport.close()
                return
            self._abandon(self.cycle)
        if waits_its_turn:
            self.flow.pause_reading()
            self._refused = refused
        else:
            self._answer_refused(refused)

    def _abandon(self, cycle: RequestResponseCycle) -> None:
        """Let the application's answer go nowhere; it learns that the caller has gone."""
        cycle.disconnected = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        if self.pipeline:
            self.pipeline.popleft()

    def _answer_refused(self, refused: RefusedRequest) -> None:
        """Send the answer and its end; what still arrives is thrown away for a while.

        A socket that is closed with unread bytes is reset, and the peer may lose the answer.
        """
        self.transport.write(refused.answer(self.server_state.default_headers))
        self.transport.write_eof()
        self._deadline = self._all.now() + LINGER
        self._all.waits(self)

    def _end_after_answers(self) -> None:
        """Look at nothing more, and close when the requests so far are answered."""
        self._ends = True
        self.cycle.keep_alive = False
