"""An ASGI client that sends exactly the bytes a test gives it."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from rtmanager.handlers.swagger_ui import (
    OPERATOR_SPEC_PATH,
    OPERATOR_UI_PATH,
    SPEC_PATH,
    SWAGGER_UI_PATH,
)

Header = tuple[bytes, bytes]

RUNTIMES = "/api/v1/internal/runtimes"
JSON: Header = (b"content-type", b"application/json")
FOREIGN_PAGE: list[Header] = [
    (b"origin", b"http://evil.example"),
    (b"sec-fetch-site", b"cross-site"),
]
"""What a browser adds to a request of a page of another site."""
PAGES = [
    *(SWAGGER_UI_PATH, SWAGGER_UI_PATH.rstrip("/"), f"{SWAGGER_UI_PATH}page.js", SPEC_PATH),
    *(OPERATOR_UI_PATH, OPERATOR_SPEC_PATH, "/"),
]


@dataclass(frozen=True)
class Answer:
    """An HTTP response as the application sent it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """Return an error's status and code; fail unless the body is the contract's envelope."""
        assert self.headers["content-type"] == "application/json"
        assert self.json.keys() == {"error"}
        assert self.json["error"].keys() == {"code", "message"}
        assert isinstance(self.message, str)
        assert self.message
        return self.status, self.json["error"]["code"]

    @property
    def message(self) -> str:
        """The message of an error."""
        message: str = self.json["error"]["message"]
        return message


@dataclass
class Caller:
    """Calls the application and counts how much of a request body it accepted.

    While `reads` is not set, it does not read the bodies of answers, of which `unread` have begun.
    """

    app: ASGIApp
    taken: int = 0
    host: bytes = b"rtm"
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    unread: int = 0

    def __post_init__(self) -> None:
        """Read at once, as nearly every caller does."""
        self.reads.set()

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | Iterable[bytes] = b"",
        headers: Iterable[Header] = (),
    ) -> Answer:
        """Send a request; the path goes out exactly as written, percent-encoded or not."""
        raw_path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": unquote(raw_path),
            "raw_path": raw_path.encode("ascii"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [(b"host", self.host), *headers],
            "extensions": {},
        }
        chunks = iter([body] if isinstance(body, bytes) else body)
        answer: list[Message] = []
        is_complete = False

        async def receive() -> Message:
            nonlocal is_complete
            if is_complete:
                return await asyncio.Future()  # this client never disconnects
            chunk = next(chunks, None)
            is_complete = chunk is None
            self.taken += len(chunk or b"")
            return {"type": "http.request", "body": chunk or b"", "more_body": not is_complete}

        async def send(message: Message) -> None:
            answer.append(message)
            if message["type"] == "http.response.body" and not self.reads.is_set():
                self.unread += 1
                await self.reads.wait()

        await self.app(scope, receive, send)
        start, *rest = answer
        sent = {key.decode("latin-1"): value.decode("latin-1") for key, value in start["headers"]}
        return Answer(start["status"], sent, b"".join(part.get("body", b"") for part in rest))

    async def get(self, path: str) -> Answer:
        """Send a GET request."""
        return await self.send("GET", path)

    async def post(self, path: str, body: object = None) -> Answer:
        """Send a POST request, with a JSON body if there is one."""
        if body is None:
            return await self.send("POST", path)
        return await self.send("POST", path, body=json.dumps(body).encode(), headers=[JSON])

    async def start(self, game: str, image: str = "galaxy/game:1.4.7") -> Answer:
        """Start a game."""
        return await self.post(f"{RUNTIMES}/{game}/start", {"image_ref": image})
