"""X-Request-Id: one id per request, in the operation log, in every log line and in the answer."""

import re
import uuid

from structlog.contextvars import bind_contextvars

from rtmanager.handlers.asgi import App, Message, Receive, Scope, Send, header_values

_HEADER = b"x-request-id"
_KEY = "rtmanager.request_id"
_SANE = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?")


class RequestId:
    """ASGI middleware that takes the caller's request id, or makes one up, and sends it back."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the request, and its answer, whichever it is."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = _given(scope) or uuid.uuid4().hex.encode("ascii")
        scope[_KEY] = name.decode("ascii")
        bind_contextvars(request_id=scope[_KEY])

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_HEADER, name)]
            await send(message)

        await self.app(scope, receive, send_named)


def request_id_of(scope: Scope) -> str:
    """Return the id of the request."""
    return str(scope[_KEY])


def _given(scope: Scope) -> bytes | None:
    """Return the caller's id if it can stand in a log line and a header as it is."""
    values = header_values(scope, _HEADER)
    return values[0] if len(values) == 1 and _SANE.fullmatch(values[0]) else None
