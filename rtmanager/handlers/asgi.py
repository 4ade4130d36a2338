"""What an ASGI application is made of, and the one way in which this one sends JSON."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]
JsonObject = Mapping[str, object]

_encode = json.JSONEncoder(separators=(",", ":")).encode


async def send_json(
    send: Send, status: int, payload: JsonObject, headers: Iterable[Header] = ()
) -> None:
    """Answer with `payload`; whatever its texts hold, the body is ASCII."""
    body = _encode(payload).encode("ascii")
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode("ascii")),
            *headers,
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Return every value of a header; the name is in lower case, as ASGI servers send it."""
    return [value for key, value in scope["headers"] if key == name]
