"""Swagger UI for both specs: the pages, their files and the specs, served by this process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib import metadata, resources
from pathlib import Path
from string import Template
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from rtmanager import __version__
from rtmanager.handlers.memory_file import MemoryFile
from rtmanager.handlers.spec_examples import only_where_they_occur

SWAGGER_UI_PATH = "/ui/"
OPERATOR_UI_PATH = "/ui/operator/"
SPEC_PATH = "/openapi.json"
OPERATOR_SPEC_PATH = "/operator-openapi.json"


@dataclass(frozen=True, slots=True)
class _Page:
    """A page that shows one spec."""

    name: str
    spec_path: str


_PAGES = {
    SWAGGER_UI_PATH: _Page("Internal API", SPEC_PATH),
    OPERATOR_UI_PATH: _Page("Operator API", OPERATOR_SPEC_PATH),
}
_PREFIXES = ("/ui", SPEC_PATH, OPERATOR_SPEC_PATH)
_SERVERS = [{"url": "./", "description": "This service, at the address of this page"}]
# Swagger UI's package has more pages, with scripts of their own: they are not served.
_SHIPPED = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
_OURS = ("page.js", "page.css")
_KINDS = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
# The browser loads and runs only files of this service, and shows the page in no frame. Swagger UI
# sets styles through the DOM, which are no inline styles; its style sheet has icons as `data:`.
_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {"content-security-policy": _SECURITY_POLICY}


class SwaggerUi:
    """ASGI middleware that serves these pages and passes on all other requests."""

    def __init__(
        self, app: ASGIApp, internal: Mapping[str, Any], operator: Mapping[str, Any]
    ) -> None:
        self.app = app
        documents = {SPEC_PATH: internal, OPERATOR_SPEC_PATH: operator}
        self.pages = Router(
            [
                *(_spec_route(path, each) for path, each in documents.items()),
                *(_page_route(path) for path in _PAGES),
                _redirect("/ui", "ui/"),
                _redirect("/ui/operator", "operator/"),
                _redirect("/", "console/"),
                *(_file_route(name) for name in (*_SHIPPED, *_OURS)),
            ],
            redirect_slashes=False,
            default=app,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        is_http = scope["type"] == "http"
        is_ours = is_http and (scope["path"] == "/" or scope["path"].startswith(_PREFIXES))
        await (self.pages if is_ours else self.app)(scope, receive, send)


def _route(path: str, text: str, kind: str, headers: Mapping[str, str] | None = None) -> Route:
    async def answer(_: Request) -> Response:
        return Response(text, media_type=kind, headers=headers)

    return Route(path, answer)


def _spec_route(path: str, document: Mapping[str, Any]) -> Route:
    served = {**only_where_they_occur(document), "servers": _SERVERS}
    return _route(path, json.dumps(served), "application/json")


def _page_route(path: str) -> Route:
    shown = _PAGES[path]
    root = _root_from(path)
    links = (_link(root, to, page.name, is_here=to == path) for to, page in _PAGES.items())
    text = Template(_our_file("page.html").decode()).substitute(
        title=shown.name,
        version=escape(__version__),
        root=root,
        links="\n        ".join(links),
        spec=shown.spec_path.lstrip("/"),
    )
    return _route(path, text, "text/html", _PAGE_HEADERS)


def _root_from(path: str) -> str:
    """Return the relative way from a page to the root: a proxy may serve it under a prefix."""
    return "../" * len(path.strip("/").split("/"))


def _link(root: str, path: str, name: str, *, is_here: bool) -> str:
    here = ' aria-current="page"' if is_here else ""
    return f'<a href="{root}{path.lstrip("/")}"{here}>{name}</a>'


def _our_file(name: str) -> bytes:
    return (resources.files(__name__) / name).read_bytes()


def _shipped_file(name: str) -> bytes:
    """Read a file of Swagger UI's package, which is not imported: that would import Flask."""
    package = metadata.distribution("flask-swagger-ui")
    return Path(str(package.locate_file("flask_swagger_ui/dist"))).joinpath(name).read_bytes()


@cache
def _file(name: str) -> MemoryFile:
    """Read a file and compress it, once and for all callers, when the first of them asks for it."""
    content = _our_file(name) if name in _OURS else _shipped_file(name)
    return MemoryFile(content, _KINDS[Path(name).suffix])


def _file_route(name: str) -> Route:
    async def answer(request: Request) -> Response:
        return _file(name).answer(request)

    return Route(f"{SWAGGER_UI_PATH}{name}", answer)


def _redirect(path: str, target: str) -> Route:
    """Lead to another page, by an address relative to the path, as all others are."""

    async def answer(_: Request) -> Response:
        return RedirectResponse(target)

    return Route(path, answer)
