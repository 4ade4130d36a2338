"""Headers of every answer: the request id, and what keeps it from pages of other sites."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rtmanager.handlers.middleware import REQUEST_ID, request_id_of

SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
"""No browser guesses another type, embeds the answer elsewhere, or reveals a game's address."""


class AnswerHeaders:
    """ASGI middleware that adds these headers to every answer, error answers included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request, and its answer with the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        named = (REQUEST_ID, request_id_of(scope).encode())

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], named, *SAFE_HEADERS]
            return send(message)

        await self.app(scope, receive, send_with_headers)
