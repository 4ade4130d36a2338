"""Middlewares before routing, the request id and the raw path; and who has sent a request."""

import re
from collections.abc import Callable, Sequence
from secrets import token_hex
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from rtmanager.domain.operation import OpSource
from rtmanager.handlers.errors import NoSuchPath
from rtmanager.handlers.headers import REQUEST_ID_KEY, values_of

CALLER = b"x-galaxy-caller"
SOURCES = {"gm": OpSource.GM_REST, "admin": OpSource.ADMIN_REST}
"""The sources by the names that callers and operators use."""

SOURCE_KEY = "rtmanager.source"
"""Where the source of a request stands if a token decided about it."""

REQUEST_ID = b"x-request-id"
_BYTES = 16
_WITHOUT_SLASH = "without the slash at its end there is one"
_SAFE_ID = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?")


class RequestId:
    """Takes the caller's request id or creates one.

    The id is in the operation log, in every log line of the request and in its answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the id of the request, before anything can go wrong."""
        if scope["type"] == "http":
            request_id = scope[REQUEST_ID_KEY] = _given_id(scope) or token_hex(_BYTES)
            bind_contextvars(request_id=request_id)
        await self.app(scope, receive, send)


def request_id_of(scope: Scope) -> str:
    """Return the id of the request."""
    return str(scope[REQUEST_ID_KEY])


def _given_id(scope: Scope) -> str | None:
    """Return the caller's id if it is set and safe in log lines and headers."""
    values = values_of(scope, REQUEST_ID)
    return values[0].decode() if len(values) == 1 and _SAFE_ID.fullmatch(values[0]) else None


class RawPath:
    """Routes by the path as it was sent, before percent-decoding and without redirects.

    Decoding loses the ends of path segments: `/runtimes/a%2Fstop` would stop the game `a`, and an
    id with a newline would match no pattern at all. So routing uses the encoded path, and a
    parameter is decoded where it is read. No path of the contract ends in a slash; a router would
    redirect one that does. `is_known` returns whether there is a path.
    """

    def __init__(self, app: ASGIApp, *, is_known: Callable[[str], bool]) -> None:
        self.app = app
        self.is_known = is_known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request with its path as it was sent."""
        if scope["type"] == "http":
            raw = scope.get("raw_path")
            scope["path"] = raw.decode("latin-1") if raw else quote(scope["path"])
            if scope["path"].endswith("/"):
                is_known = self.is_known(scope["path"].rstrip("/"))
                raise NoSuchPath(_WITHOUT_SLASH if is_known else "")
        await self.app(scope, receive, send)


def source_of(scope: Scope) -> OpSource:
    """Return the caller as the operation log records it: a token outranks the header.

    The spec lists the known values of the header, but by the contract a missing, repeated or
    unknown one counts as the admin's and never fails a request.
    """
    proven: OpSource | None = scope.get(SOURCE_KEY)
    return proven or _known_source(values_of(scope, CALLER)) or OpSource.ADMIN_REST


def _known_source(values: Sequence[bytes]) -> OpSource | None:
    return SOURCES.get(values[0].decode("latin-1")) if len(values) == 1 else None
