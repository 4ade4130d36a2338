"""A file that was read once: serving it opens nothing.

An open file for every download that its caller does not read would take all descriptors.
"""

import gzip
from collections.abc import Mapping
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Receive, Scope, Send

PART = 64 * 1024
"""Bytes that are passed on at once; the next ones when the caller has read most of them."""


class MemoryFile:
    """A file's content with its type, compressed too where that makes it smaller.

    A browser asks each time whether it has changed, and is sent it only then.
    """

    def __init__(self, content: bytes, kind: str) -> None:
        self._plain = _Encoded(content, kind, {})
        packed = gzip.compress(content, mtime=0)
        encoding = {"content-encoding": "gzip"}
        is_smaller = len(packed) < len(content)
        self._packed = _Encoded(packed, kind, encoding) if is_smaller else self._plain

    def answer(self, request: Request) -> Response:
        """Return the answer to a GET or HEAD request, which is always the whole file."""
        # Browsers accept gzip without a weight; whoever adds one can read the plain file.
        chosen = self._packed if "gzip" in _listed(request, "accept-encoding") else self._plain
        known = {each.removeprefix("W/") for each in _listed(request, "if-none-match")}
        if chosen.headers["etag"] in known or "*" in known:
            return NotModifiedResponse(Headers(chosen.headers))
        return chosen.answer()


class _Encoded:
    """The content in one encoding, shared by all of its answers."""

    def __init__(self, content: bytes, kind: str, headers: Mapping[str, str]) -> None:
        self._content = content
        self._kind = kind
        self.headers = {
            "etag": f'"{sha256(content).hexdigest()}"',
            "cache-control": "no-cache",
            "vary": "Accept-Encoding",
            **headers,
        }

    def answer(self) -> Response:
        """Return an answer with the content."""
        return _InParts(self._content, self._kind, self.headers)


class _InParts(Response):
    """Sends the content in parts: what waits for a caller that does not read is one of them."""

    def __init__(self, content: bytes, kind: str, headers: Mapping[str, str]) -> None:
        size = {"content-length": str(len(content))}
        super().__init__(media_type=kind, headers={**headers, **size})
        self._content = memoryview(content)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Send the head of the answer, and for a GET request the content."""
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        size = 0 if scope["method"] == "HEAD" else len(self._content)
        for start in range(0, size, PART):
            part = self._content[start : start + PART]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _listed(request: Request, name: str) -> set[str]:
    """Return the elements of a header that is a list."""
    return {each.strip() for value in request.headers.getlist(name) for each in value.split(",")}
