"""One request to the console, and the answers to it."""

import gzip
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from rtmanager.console.calls import Calls
from rtmanager.console.rendering import render
from rtmanager.handlers.bearer_tokens import token_in_cookie
from rtmanager.handlers.middleware import request_id_of
from rtmanager.handlers.strict_json import MAX_BODY, BodyTooLarge

# The browser loads and runs only files of this service, and shows a page in no frame.
_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE_HEADERS = {"content-security-policy": _SECURITY_POLICY, "cache-control": "no-store"}

SEE_OTHER = 303
_NOT_MODIFIED = 304
_DEFAULT_ORIGIN = "http://127.0.0.1:8096"
_WORTH_PACKING = 16 * 1024
_FAST = 1


@dataclass(frozen=True, slots=True)
class Visit:
    """A request to the console."""

    request: Request
    calls: Calls
    as_of: Hashable
    """The event that made a page ask: what is answered has to be at least as new.

    Pages that hear of the same event share an answer; nobody shares that of another request.
    """

    @classmethod
    def of(cls, request: Request, transport: httpx.AsyncBaseTransport) -> "Visit":
        """Return the visit that a request is; its calls have the request's id and token."""
        scope = request.scope
        calls = Calls(transport, request_id_of(scope), token_in_cookie(scope))
        return cls(request, calls, request.headers.get("last-event-id") or object())

    @property
    def game_id(self) -> str:
        """The game in the path, decoded."""
        return unquote(str(self.request.path_params["game_id"]))

    @property
    def node_name(self) -> str:
        """The name or id of the node in the path, decoded."""
        return unquote(str(self.request.path_params["node"]))

    @property
    def here(self) -> str:
        """The address of the page on this service."""
        address = self.request.url
        return address.path + (f"?{address.query}" if address.query else "")

    @property
    def url_option(self) -> str:
        """What a command needs to find this service; empty at the default address."""
        origin = f"{self.request.url.scheme}://{self.request.url.netloc}"
        return "" if origin == _DEFAULT_ORIGIN else f" --url {origin}"

    @property
    def query(self) -> Mapping[str, str]:
        """The query."""
        return self.request.query_params

    async def form(self) -> Mapping[str, str]:
        """Return the fields of a form; raises BodyTooLarge."""
        body = bytearray()
        async for part in self.request.stream():
            body += part
            if len(body) > MAX_BODY:
                raise BodyTooLarge
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[-1].strip() for name, values in fields.items()}

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Return a page."""
        return self._sent(self._html(template, **values), status)

    def part(self, html: str) -> Response:
        """Return a part of a page, which a script puts in its place."""
        return self._sent(html)

    def state(self, template: str, version: str, **values: Any) -> Response:
        """Return a page that shows some state, unless the visitor has the same version of it.

        Ages on it change all the time, and are no part of its version.
        """
        tag = f'"{sha256(version.encode()).hexdigest()[:32]}"'
        if self.request.headers.get("if-none-match") == tag:
            return Response(status_code=_NOT_MODIFIED, headers={"etag": tag, **PAGE_HEADERS})
        page = self.page(template, version=tag, **values)
        page.headers["etag"] = tag
        return page

    def redirect(self, address: str) -> Response:
        """Lead the browser to another page, by GET."""
        return RedirectResponse(address, SEE_OTHER, PAGE_HEADERS)

    def _sent(self, html: str, status: int = 200) -> Response:
        """Return an answer; a list of a thousand games is worth packing."""
        body, headers = html.encode("utf-8", "replace"), PAGE_HEADERS
        is_accepted = "gzip" in self.request.headers.get("accept-encoding", "")
        if is_accepted and len(body) > _WORTH_PACKING:
            body = gzip.compress(body, _FAST, mtime=0)
            headers = {**headers, "content-encoding": "gzip", "vary": "Accept-Encoding"}
        return HTMLResponse(body, status, headers)

    def _html(self, template: str, **values: Any) -> str:
        context = {
            "is_signed_in": self.calls.token is not None,
            "version": "",
            "url_option": self.url_option,
        }
        return render(template, **{**context, **values})
