"""A peer of the server: what it sends, and what comes back."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from rtmanager.server.connections import Connections, Limits
from tests.unit.server.transport import CountedRefusals, Time, connection, hello, turns

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HALF_BODY = POST + b"Content-Length: 5\r\n\r\nab"
OK, BAD, TIMEOUT, TOO_LARGE, BUSY = 200, 400, 408, 431, 503


@dataclass
class Waiting:
    """Answers requests once it is told to, and keeps what it is asked."""

    then: ASGIApp = hello
    go: asyncio.Event = field(default_factory=asyncio.Event)
    scopes: list[Scope] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then say hello, or do what else was asked for."""
        self.scopes.append(scope)
        await self.go.wait()
        await self.then(scope, receive, send)


@dataclass
class Reading:
    """Reads the whole body before it answers, and keeps the messages."""

    messages: list[Any] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, then say hello."""
        is_whole = False
        while not is_whole:
            self.messages.append(await receive())
            is_whole = not self.messages[-1].get("more_body")
        await hello(scope, receive, send)


class Peer:
    """One connection with a limit of ten seconds for a request, and what came back."""

    def __init__(self, app: ASGIApp = hello, limits: Limits = Limits(8, 10.0)) -> None:  # noqa: B008 - it is frozen
        self.time = Time()
        self.refusals = CountedRefusals()
        self.connections = Connections(limits, self.refusals, self.time)
        self.protocol, self.transport = connection(app=app, connections=self.connections)

    async def send(self, *parts: bytes) -> None:
        """Send the parts, as long as the connection is open."""
        for part in parts:
            if not self.transport.closed:
                self.protocol.data_received(part)
        await turns()

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time.now += seconds
        self.connections.expire()
        await turns()

    @property
    def statuses(self) -> list[int]:
        """The statuses of the answers so far."""
        lines = self.transport.sent.split(b"HTTP/1.1 ")[1:]
        return [int(line[:3]) for line in lines]

    @property
    def last_answer(self) -> tuple[bytes, dict[str, Any]]:
        """The head and the JSON body of the last answer."""
        head, _, body = self.transport.sent.rpartition(b"\r\n\r\n")
        return head, json.loads(body)
