"""Middleware for callers with tokens: without one, only the probes and pages are served.

Programs send theirs in a header. Browsers do not by themselves: the console keeps it in a cookie,
which counts only in requests of this service's own pages. Decisions 0044 and 0055.
"""

import re
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, unbind_contextvars

from rtmanager.handlers.api_tokens import ApiTokens, TokenHolder
from rtmanager.handlers.headers import values_of
from rtmanager.handlers.middleware import SOURCE_KEY
from rtmanager.handlers.refusals import RefusalReason, RefusedRequests, Unauthorized

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Asked by load balancers and process managers, and answered without a token."""

Document = dict[str, Any]

TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]{1,512}=*")
"""What a token looks like (RFC 6750)."""

TOKEN_COOKIE = "rtm_token"  # noqa: S105 - its name
"""Where the console keeps a visitor's token."""

_BEARER = re.compile(rb"bearer +(%b)" % TOKEN.pattern, re.IGNORECASE)
_COOKIE = re.compile(rb"(?:^|; *)%b=([^;]*)" % TOKEN_COOKIE.encode())
_OWN_SITES = (b"same-origin", b"none")
_ABOUT_TOKENS = """
### Tokens
This service asks for one: `Authorization: Bearer <token>`. It decides about the source, instead of
`X-Galaxy-Caller`. A missing or unknown one is 401 `invalid_request`. *Authorize* adds yours.
"""
_SCHEME = {"type": "http", "scheme": "bearer", "description": "The token of a caller."}
_UNAUTHORIZED = {
    "description": "`invalid_request`: there is no token, or one that is not known here.",
    "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}},
}


class BearerTokens:
    """ASGI middleware that names the holder of a request's token, and refuses it without one.

    It is behind Swagger UI, which answers before, and sees paths as they were sent and routed.
    """

    def __init__(self, app: ASGIApp, *, tokens: ApiTokens, refusals: RefusedRequests) -> None:
        self.app = app
        self.tokens = tokens
        self.refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request with a known token; raise Unauthorized for another."""
        if scope["type"] == "http":
            # A server may start a request in the context of the one before it.
            unbind_contextvars("caller")
            if scope["path"] not in OPEN_PATHS:
                self._identify(scope)
        await self.app(scope, receive, send)

    def _identify(self, scope: Scope) -> None:
        try:
            holder = self._holder(scope)
        except Unauthorized as refused:
            self.refusals.record(refused, scope)
            raise
        scope[SOURCE_KEY] = holder.source
        bind_contextvars(caller=holder.name)

    def _holder(self, scope: Scope) -> TokenHolder:
        sent = values_of(scope, b"authorization")
        if not sent and (kept := token_in_cookie(scope)):
            sent = [f"Bearer {kept}".encode()]
        if not sent:
            raise Unauthorized(
                RefusalReason.NO_TOKEN,
                "the request has no token; send it as `Authorization: Bearer <token>`",
            )
        found = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
        holder = self.tokens.holder_of(found[1]) if found else None
        if holder is None:
            raise Unauthorized(
                RefusalReason.UNKNOWN_TOKEN,
                "the request has no token that is known here; "
                "a new one is made by `rtmanager token`",
            )
        return holder


def token_in_cookie(scope: Scope) -> str | None:
    """Return the token that the console keeps in the visitor's browser, if a page of ours asks.

    Another port of the same host is another origin, but the same site to a cookie.
    """
    sites = values_of(scope, b"sec-fetch-site")
    if any(each not in _OWN_SITES for each in sites):
        return None
    found = _COOKIE.findall(b"; ".join(values_of(scope, b"cookie")))
    is_one = len(found) == 1 and TOKEN.fullmatch(found[0])
    return found[0].decode() if is_one else None


def announced(document: Document) -> Document:
    """Return the spec as Swagger UI needs it for a button that takes a token."""
    info = document["info"]
    paths = {
        path: {method: _announced(path, each) for method, each in operations.items()}
        for path, operations in document["paths"].items()
    }
    return document | {
        "info": info | {"description": info["description"] + _ABOUT_TOKENS},
        "components": document["components"] | {"securitySchemes": {"token": _SCHEME}},
        "security": [{"token": []}],
        "paths": paths,
    }


def _announced(path: str, operation: Document) -> Document:
    if path in OPEN_PATHS:
        return operation | {"security": []}
    return operation | {"responses": operation["responses"] | {"401": _UNAUTHORIZED}}
