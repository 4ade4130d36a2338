"""Route by the path as it was sent, before percent-decoding.

A decoded path has lost where its segments end: `/runtimes/a%2Fstop` would stop the game `a`, and an
id with a newline would match no pattern at all. So routing sees the encoded path, and what stands
in it for a parameter is decoded where it is read.
"""

from urllib.parse import quote, unquote

from rtmanager.handlers.asgi import App, Receive, Scope, Send


class RawPath:
    """ASGI middleware that makes routers see the encoded path."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path as it was sent."""
        if scope["type"] == "http":
            raw = scope.get("raw_path")
            scope["path"] = raw.decode("latin-1") if raw else quote(scope["path"])
        await self.app(scope, receive, send)


def path_parameter(scope: Scope, name: str) -> str:
    """Return a parameter of the path, decoded; bytes that are no UTF-8 become U+FFFD."""
    return unquote(scope["path_params"][name])
