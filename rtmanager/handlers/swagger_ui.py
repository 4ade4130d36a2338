"""Swagger UI for the contract: the page, its files and the spec, served by this process."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from rtmanager.handlers.memory_file import MemoryFile

SWAGGER_UI_PATH = "/ui/"
SPEC_PATH = "/openapi.json"

_FILES_PATH = SWAGGER_UI_PATH.rstrip("/")
_SERVERS = [{"url": "./", "description": "This service, at the address of this page"}]
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Galaxy Runtime Manager</title>
    <link rel="icon" type="image/png" href="./favicon-32x32.png">
    <link rel="stylesheet" href="./swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="./swagger-ui-bundle.js"></script>
    <script src="./page.js"></script>
  </body>
</html>
"""
_SCRIPT = """SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "../openapi.json",
  deepLinking: true,
  validatorUrl: null,
});
"""
# Swagger UI's package has more pages, with scripts of their own: they are not served.
_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
# The browser loads and runs only files of this service, and shows the page in no frame. Swagger UI
# sets styles through the DOM, which are no inline styles; its style sheet has icons as `data:`.
_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {"content-security-policy": _SECURITY_POLICY}


class SwaggerUi:
    """ASGI middleware that serves these pages and passes on all other requests."""

    def __init__(self, app: ASGIApp, document: Mapping[str, Any]) -> None:
        self.app = app
        spec = json.dumps({**document, "servers": _SERVERS})
        self.pages = Router(
            [
                _route(SPEC_PATH, spec, "application/json"),
                _route(SWAGGER_UI_PATH, _PAGE, "text/html", _PAGE_HEADERS),
                _route(f"{SWAGGER_UI_PATH}page.js", _SCRIPT, "text/javascript"),
                Route(_FILES_PATH, _to_page),
                *(_file_route(name, _file(name)) for name in _FILES),
            ],
            redirect_slashes=False,
            default=app,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        is_ours = scope["type"] == "http" and scope["path"].startswith((_FILES_PATH, SPEC_PATH))
        await (self.pages if is_ours else self.app)(scope, receive, send)


def _route(path: str, text: str, kind: str, headers: Mapping[str, str] | None = None) -> Route:
    async def answer(_: Request) -> Response:
        return Response(text, media_type=kind, headers=headers)

    return Route(path, answer)


@cache
def _file(name: str) -> MemoryFile:
    """Read a file of Swagger UI's package; each once, for all applications of this process."""
    content = (resources.files("swagger_ui") / "static" / name).read_bytes()
    return MemoryFile(content, _FILES[name])


def _file_route(name: str, file: MemoryFile) -> Route:
    async def answer(request: Request) -> Response:
        return file.answer(request)

    return Route(f"{SWAGGER_UI_PATH}{name}", answer)


async def _to_page(_: Request) -> Response:
    return RedirectResponse(SWAGGER_UI_PATH)
