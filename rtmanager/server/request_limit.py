"""The limit to the number of requests that are executed at once."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.handlers.errors import answer_to
from rtmanager.server.refusals import Reason, RefusedConnections

ALWAYS_ANSWERED = "/healthz"
"""Otherwise a busy service would be restarted."""

_TOO_MANY = "too many requests at once; send this one again later"


class RequestLimit:
    """ASGI middleware, around the one that answers errors, that limits the requests at once.

    A request is executed until its answer begins, but not while it waits for the rest of its body:
    callers that neither send nor read take no place. One whose caller has gone is executed until
    its task ends: callers that hang up cannot pile up work.
    """

    def __init__(self, app: ASGIApp, at_once: int, refusals: RefusedConnections) -> None:
        self.app = app
        self.at_once = at_once
        self.refusals = refusals
        self.executed = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, or refuse it and end its connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.executed >= self.at_once and scope["path"] != ALWAYS_ANSWERED:
            self.refusals.add(Reason.TOO_MANY_REQUESTS)
            await _busy()(scope, receive, send)
            return
        request = _Request(self, receive, send)
        try:
            await self.app(scope, request.receive, request.send)
        finally:
            request.pause()

    def check_again(self) -> None:
        """Raise ServiceUnavailable if too many were begun while a request waited for its body."""
        if self.executed > self.at_once:
            self.refusals.add(Reason.TOO_MANY_REQUESTS)
            raise ServiceUnavailable(_TOO_MANY)


class _Request:
    """A request, and whether it is executed."""

    __slots__ = ("_is_executed", "_is_whole", "_limit", "_receive", "_send")

    def __init__(self, limit: RequestLimit, receive: Receive, send: Send) -> None:
        self._limit = limit
        self._receive = receive
        self._send = send
        self._is_whole = False
        self._is_executed = True
        limit.executed += 1

    def pause(self) -> None:
        """Leave the place to another request."""
        if self._is_executed:
            self._is_executed = False
            self._limit.executed -= 1

    async def receive(self) -> Message:
        """Return the next part of the body; after the last one, an application works."""
        if self._is_whole:
            return await self._receive()
        self.pause()
        message = await self._receive()
        self._is_executed = True
        self._limit.executed += 1
        if not message.get("more_body"):
            self._is_whole = True
            self._limit.check_again()
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Send a part of the answer, which may have to wait until those before it are read."""
        self.pause()
        return self._send(message)


def _busy() -> ASGIApp:
    """Return an application that answers for the service while it executes too much."""
    response = answer_to(ServiceUnavailable(_TOO_MANY)).response
    response.headers["connection"] = "close"
    return response
