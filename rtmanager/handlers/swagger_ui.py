"""Swagger UI for the contract: the page, its files and the spec, served by this process."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

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
    <script>
      SwaggerUIBundle({
        dom_id: "#swagger-ui",
        url: "../openapi.json",
        deepLinking: true,
        validatorUrl: null,
      });
    </script>
  </body>
</html>
"""
# Makes the browser refuse anything that the page would load from another host.
_SECURITY_POLICY = "default-src 'self' 'unsafe-inline'; img-src 'self' data:"


class SwaggerUi:
    """ASGI middleware that serves these pages and passes on all other requests."""

    def __init__(self, app: ASGIApp, document: Mapping[str, Any]) -> None:
        self.app = app
        served = json.dumps({**document, "servers": _SERVERS})

        async def spec(_: Request) -> Response:
            return Response(served, media_type="application/json")

        self.pages = Router(
            [
                Route(SPEC_PATH, spec),
                Route(SWAGGER_UI_PATH, _page),
                Route(_FILES_PATH, _to_page),
                Mount(_FILES_PATH, StaticFiles(packages=[("swagger_ui", "static")])),
            ],
            redirect_slashes=False,
            default=app,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        is_ours = scope["type"] == "http" and scope["path"].startswith((_FILES_PATH, SPEC_PATH))
        await (self.pages if is_ours else self.app)(scope, receive, send)


async def _page(_: Request) -> Response:
    return HTMLResponse(_PAGE, headers={"content-security-policy": _SECURITY_POLICY})


async def _to_page(_: Request) -> Response:
    return RedirectResponse(SWAGGER_UI_PATH)
