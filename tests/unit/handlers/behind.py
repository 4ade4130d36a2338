"""An application behind a middleware, which records the request as it arrives there."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from rtmanager.handlers.ascii_json import AsciiJson

Header = tuple[bytes, bytes]


def request(*headers: Header, **parts: Any) -> dict[str, Any]:
    """Return a GET request."""
    usual = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/"}
    return {**usual, "headers": list(headers), **parts}


async def receive() -> Message:
    """Receive an empty body."""
    return {"type": "http.request"}


@dataclass
class Behind:
    """Answers 200, raises or hangs, and records the request."""

    error: Exception | None = None
    answers_first: bool = False
    hanging: bool = False
    hangs: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: Scope = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.arrived = scope
        fails = self.hanging or self.error is not None
        if self.answers_first or not fails:
            await AsciiJson({})(scope, receive, send)
        if self.hanging:
            self.hangs.set()
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    async def send(self, message: Message) -> None:
        """Record what was sent."""
        self.sent.append(message)

    @property
    def status(self) -> int:
        """The status that was sent."""
        status: int = self.sent[0]["status"]
        return status
