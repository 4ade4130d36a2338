"""A registry that misbehaves in a way that the first component of an image's path names."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, ClassVar

SECRET = "internal-secret-7f3a"
ESCAPES = f"\x1b[2J\x1b]0;{SECRET}\x07\r\nfaked log line\x00"
HUGE = 2 << 20
DRIP_SECONDS = 0.05
"""Docker reports a layer's progress at each hundredth of its size: here, at each byte."""
_LAYER_SIZE = 100
_FOREVER = 30.0
_POLL_SECONDS = 0.05
_JSON = "application/json"
_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


class HostileRegistry:
    """An HTTP server on the loopback interface, which Docker accepts as a registry without TLS."""

    def __init__(self) -> None:
        self.released = Event()
        self.asked: list[str] = []
        self.abandoned: list[str] = []
        own = {"registry": self}
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), own))
        self.host = f"127.0.0.1:{self._server.server_port}"

    def reference(self, behaviour: str, number: int = 1) -> str:
        """Return a reference to an image whose requests meet this behaviour."""
        return f"{self.host}/{behaviour}/game:1.0.{number}"

    def count(self, behaviour: str, method: str = "HEAD") -> int:
        """Return how many requests met the behaviour; each pull resolves its tag by one HEAD."""
        return sum(f"{method} /v2/{behaviour}/" in one for one in self.asked)

    def serve(self) -> None:
        """Serve until `close`."""
        Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()

    def close(self) -> None:
        """Release the requests that wait, and stop."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def hostile_registry() -> Iterator[HostileRegistry]:
    """Yield a hostile registry that serves during the block."""
    registry = HostileRegistry()
    registry.serve()
    try:
        yield registry
    finally:
        registry.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing: Docker leaves in the middle of many answers."""


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


_ANSWERS = {
    "missing": (404, _error("MANIFEST_UNKNOWN", SECRET), _JSON),
    "denies": (403, _error("DENIED", SECRET), _JSON),
    "secret": (400, SECRET.encode(), "text/plain"),
    "breaks": (500, SECRET.encode(), "text/plain"),
    "escapes": (403, _error("DENIED", ESCAPES), _JSON),
    "huge": (400, b"x" * HUGE, "text/plain"),
    "redirects": (302, b"", "text/plain"),
}
"""Behaviours that are one answer to everything: its status, body and content type."""


class _Handler(BaseHTTPRequestHandler):
    registry: ClassVar[HostileRegistry]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer like a GET, without the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer the version check properly, and anything else by the behaviour in the path."""
        self.registry.asked.append(f"{self.command} {self.path}")
        behaviour = next(iter(self.path.removeprefix("/v2/").split("/")))
        if not behaviour:
            self._answer(200, b"", _JSON)
        elif behaviour in _ANSWERS:
            self._answer(*_ANSWERS[behaviour])
        elif behaviour == "silent":
            self.registry.released.wait(_FOREVER)
            self.close_connection = True
        elif "/blobs/" in self.path and behaviour == "huge-layer":
            self._answer(*_ANSWERS["huge"])
        elif "/blobs/" in self.path:
            pause = DRIP_SECONDS if behaviour == "drips" else _FOREVER
            self._answer(200, b"x" * _LAYER_SIZE, "application/octet-stream", pause)
        else:
            pause = DRIP_SECONDS if behaviour == "slow-manifest" else 0.0
            self._answer(200, _manifest(self.path), _MANIFEST_TYPE, pause)

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _answer(self, status: int, body: bytes, kind: str, pause: float = 0.0) -> None:
        """Send an answer, with a pause before each byte of the body."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", _digest(body))
        self.send_header("Location", self.path)
        self.end_headers()
        if self.command != "HEAD":
            self._send(body, pause)

    def _send(self, body: bytes, pause: float) -> None:
        try:
            if not pause:
                self.wfile.write(body)
            for byte in body if pause else b"":
                self.close_connection = self.registry.released.wait(pause)
                if self.close_connection:
                    return
                self.wfile.write(bytes([byte]))
        except OSError:
            self.registry.abandoned.append(self.path)
            self.close_connection = True


def _digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def _manifest(path: str) -> bytes:
    """Return the manifest of an image whose one layer no other image has."""
    repository = path.partition("/manifests/")[0]
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST_TYPE,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": _LAYER_SIZE,
                "digest": _digest(f"config of {repository}".encode()),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "size": _LAYER_SIZE,
                    "digest": _digest(f"layer of {repository}".encode()),
                }
            ],
        }
    ).encode()
