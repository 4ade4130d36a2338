"""The metrics of this process, as Prometheus asks for them."""

import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

METRICS_PATH = "/metrics"
SHARED_FOR = 1.0
"""Seconds for which a text is sent to everybody who asks for the same format."""

_METHOD_NOT_ALLOWED = 405
_OPEN_METRICS = "application/openmetrics-text"

MetricsText = Callable[[str], tuple[bytes, str]]
"""Returns the text and its type, for what a caller accepts."""


class MetricsPage:
    """ASGI middleware that answers this path and passes on all other requests.

    It is behind the tokens: what a service does is nobody else's business. To write the text takes
    the event loop some milliseconds, so all who ask within a second share one.
    """

    def __init__(
        self, app: ASGIApp, text: MetricsText, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.app = app
        self._text = text
        self._now = now
        self._written: dict[bool, tuple[float, bytes, str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] != "http" or scope["path"] != METRICS_PATH:
            await self.app(scope, receive, send)
            return
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(_METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD"})
        content, media_type = self._recent(Request(scope).headers.get("accept", ""))
        headers = {"content-type": media_type, "cache-control": "no-store"}
        await Response(content, headers=headers)(scope, receive, send)

    def _recent(self, accept: str) -> tuple[bytes, str]:
        """Return the text that was written within a second, or a new one."""
        is_open = _OPEN_METRICS in accept
        found = self._written.get(is_open)
        if found is None or self._now() - found[0] >= SHARED_FOR:
            found = self._written[is_open] = (self._now(), *self._text(accept))
        return found[1:]
