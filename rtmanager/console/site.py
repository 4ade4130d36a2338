"""All pages of the console, their actions and their files."""

from collections.abc import Awaitable, Callable

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from rtmanager.client import ClientError, NotFound, Unauthorized
from rtmanager.console import actions, nodes, sign_in
from rtmanager.console.app import CONSOLE_PATH, ROOT
from rtmanager.console.files import files
from rtmanager.console.pages import Pages
from rtmanager.console.visit import Visit

_GAME = f"{CONSOLE_PATH}games/{{game_id}}"
_NODE = f"{CONSOLE_PATH}nodes/{{node}}"
_NOT_FOUND, _UNAVAILABLE = 404, 503

_Page = Callable[[Visit], Awaitable[Response]]
_Answer = Callable[[Request], Awaitable[Response]]


def site(service: ASGIApp) -> Router:
    """Return what answers below `/console/`; `service` is the whole application, to be called."""
    pages = _Site(service)
    return Router(
        [
            *pages.routes(),
            *(Route(f"{CONSOLE_PATH}assets/{name}", _file(name)) for name in files()),
            Route(ROOT, _to_console),
            Route(f"{CONSOLE_PATH}{{rest:path}}", pages.page(_no_such_page)),
        ],
        redirect_slashes=False,
    )


class _Site:
    """The pages and the actions, which call the service."""

    def __init__(self, service: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(service)

    def routes(self) -> list[Route]:
        """Return every page and every action."""
        pages, of_nodes = Pages(), nodes.NodePages()
        shown: dict[str, _Page] = {
            CONSOLE_PATH: pages.games,
            f"{CONSOLE_PATH}rows": pages.rows,
            f"{CONSOLE_PATH}service": pages.service,
            f"{CONSOLE_PATH}nodes": of_nodes.nodes,
            _NODE: of_nodes.node,
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
        words = [(f"{_NODE}/{each}", each) for each in nodes.WORDS]
        return [
            *(Route(path, self.page(page)) for path, page in shown.items()),
            *(Route(path, self.page(page), methods=["POST"]) for path, page in done.items()),
            *(Route(path, self.page(actions.ask, each)) for path, each in forms),
            *(Route(path, self.page(actions.act, each), methods=["POST"]) for path, each in forms),
            *(Route(path, self.page(nodes.ask, each)) for path, each in words),
            *(Route(path, self.page(nodes.say, each), methods=["POST"]) for path, each in words),
        ]

    def page(self, page: _Page, action: str = "") -> _Answer:
        """Return the endpoint of a page, which explains an error of the service."""

        async def answer(request: Request) -> Response:
            request.path_params["action"] = action
            visit = Visit.of(request, self._transport)
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
        node = visit.node_name if "node" in visit.request.path_params else ""
        return visit.page("not_found.html", status=_NOT_FOUND, game_id=game_id, node=node)
    lacks = await visit.calls.readiness()
    status = error.status or _UNAVAILABLE
    return visit.page("error.html", status=status, error=error, lacks=lacks)


async def _no_such_page(visit: Visit) -> Response:
    return visit.page("not_found.html", status=_NOT_FOUND, game_id="", node="")


def _file(name: str) -> _Answer:
    file = files()[name]

    async def answer(request: Request) -> Response:
        return file.answer(request)

    return answer


async def _to_console(_: Request) -> Response:
    return RedirectResponse(CONSOLE_PATH)
