"""The console as an ASGI middleware: pages below `/console/`, everything else is passed on."""

from collections.abc import Awaitable, Callable

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from rtmanager.client import ClientError, NotFound, Unauthorized
from rtmanager.console import actions, sign_in
from rtmanager.console.files import files
from rtmanager.console.pages import Pages
from rtmanager.console.visit import Visit

CONSOLE_PATH = "/console/"

_ROOT = CONSOLE_PATH.rstrip("/")
_GAME = f"{CONSOLE_PATH}games/{{game_id}}"
_NOT_FOUND, _UNAVAILABLE = 404, 503

_Page = Callable[[Visit], Awaitable[Response]]
_Answer = Callable[[Request], Awaitable[Response]]


class Console:
    """ASGI middleware that serves the console. `service` is the whole application, to be called.

    It sees paths as they were sent: a game id may contain an encoded slash.
    """

    def __init__(self, app: ASGIApp, *, service: ASGIApp) -> None:
        self.app = app
        self.transport = httpx.ASGITransport(service)
        self.pages = Router(
            [
                *self._routes(),
                *(Route(f"{CONSOLE_PATH}assets/{name}", _file(name)) for name in files()),
                Route(_ROOT, _to_console),
                Route(f"{CONSOLE_PATH}{{rest:path}}", self._page(_no_such_page)),
            ],
            redirect_slashes=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] == "http":
            path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
            if path == _ROOT or path.startswith(CONSOLE_PATH):
                await self.pages({**scope, "path": path}, receive, send)
                return
        await self.app(scope, receive, send)

    def _routes(self) -> list[Route]:
        pages = Pages()
        shown: dict[str, _Page] = {
            CONSOLE_PATH: pages.games,
            f"{CONSOLE_PATH}rows": pages.rows,
            f"{CONSOLE_PATH}service": pages.service,
            _GAME: pages.game,
            f"{_GAME}/operations": pages.operations,
            f"{_GAME}/progress": pages.progress,
            f"{CONSOLE_PATH}start": actions.new_game,
            f"{CONSOLE_PATH}sign-in": sign_in.show,
        }
        done: dict[str, _Page] = {
            f"{CONSOLE_PATH}start": actions.start_new,
            f"{CONSOLE_PATH}sign-in": sign_in.sign_in,
            f"{CONSOLE_PATH}sign-out": sign_in.sign_out,
        }
        forms = [(f"{_GAME}/{each}", each) for each in actions.ACTIONS]
        return [
            *(Route(path, self._page(page)) for path, page in shown.items()),
            *(Route(path, self._page(page), methods=["POST"]) for path, page in done.items()),
            *(Route(path, self._page(actions.ask, each)) for path, each in forms),
            *(Route(path, self._page(actions.act, each), methods=["POST"]) for path, each in forms),
        ]

    def _page(self, page: _Page, action: str = "") -> _Answer:
        async def answer(request: Request) -> Response:
            request.path_params["action"] = action
            visit = Visit.of(request, self.transport)
            try:
                return await page(visit)
            except ClientError as error:
                return await _explained(visit, error)

        return answer


async def _explained(visit: Visit, error: ClientError) -> Response:
    """Return a page that says what went wrong and what to do."""
    if isinstance(error, Unauthorized):
        return visit.page("sign_in.html", status=error.status or 401, after=visit.here, fault="")
    if isinstance(error, NotFound):
        game_id = visit.game_id if "game_id" in visit.request.path_params else ""
        return visit.page("not_found.html", status=_NOT_FOUND, game_id=game_id)
    lacks = await visit.calls.readiness()
    status = error.status or _UNAVAILABLE
    return visit.page("error.html", status=status, error=error, lacks=lacks)


async def _no_such_page(visit: Visit) -> Response:
    return visit.page("not_found.html", status=_NOT_FOUND, game_id="")


def _file(name: str) -> _Answer:
    file = files()[name]

    async def answer(request: Request) -> Response:
        return file.answer(request)

    return answer


async def _to_console(_: Request) -> Response:
    return RedirectResponse(CONSOLE_PATH)
