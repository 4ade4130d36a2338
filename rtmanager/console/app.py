"""The console as an ASGI middleware: pages below `/console/`, everything else is passed on."""

from functools import cached_property

from starlette.types import ASGIApp, Receive, Scope, Send

CONSOLE_PATH = "/console/"
ROOT = CONSOLE_PATH.rstrip("/")


class Console:
    """ASGI middleware that serves the console. `service` is the whole application, to be called.

    It sees paths as they were sent: a game id may contain an encoded slash.
    """

    def __init__(self, app: ASGIApp, *, service: ASGIApp) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] == "http":
            path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
            if path == ROOT or path.startswith(CONSOLE_PATH):
                await self._site({**scope, "path": path}, receive, send)
                return
        await self.app(scope, receive, send)

    @cached_property
    def _site(self) -> ASGIApp:
        """The pages, loaded at the first visit: most processes have none, and it takes memory."""
        from rtmanager.console.site import site  # noqa: PLC0415 - slow

        return site(self.service)
