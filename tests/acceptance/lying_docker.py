"""A Docker that does what it is asked, and says that it could not."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingUnixStreamServer
from types import TracebackType
from typing import Self

WORDS = "the daemon lost its head"
BODY = f'{{"message": "{WORDS}"}}'.encode()
REFUSAL = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
_PIECE = 65536


class LyingDocker:
    """Stands before Docker on a socket of its own; passes everything on until told to lie.

    A call is named by bytes of its request line, such as `POST /v1.41/containers/create`.
    """

    def __init__(self, docker: Path, listen_on: Path) -> None:
        self.docker = docker
        self.host = f"unix://{listen_on}"
        self.lies = 0
        self._call: bytes | None = None
        self._skipped = 0
        self._lock = threading.Lock()
        self._server = _Server(str(listen_on), _Connection)
        self._server.liar = self

    def __enter__(self) -> Self:
        """Start to listen."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def lie_about(self, call: bytes, *, skipping: int = 0) -> None:
        """Let one such call happen, and answer it with 500 when Docker has answered.

        That is the next one, or the one after as many as are to be skipped.
        """
        with self._lock:
            self._call, self._skipped = call, skipping

    def takes(self, request: bytes) -> bool:
        """Tell whether to lie about a request, which is then the only one."""
        line = request.partition(b"\r\n")[0]
        with self._lock:
            if self._call is None or self._call not in line:
                return False
            if self._skipped:
                self._skipped -= 1
                return False
            self._call = None
            return True


class _Server(ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False  # some connections last as long as the service
    request_queue_size = 128
    liar: LyingDocker


class _Connection(BaseRequestHandler):
    """One connection of the service, and ours to Docker."""

    server: _Server
    request: socket.socket

    def handle(self) -> None:
        """Pass on both ways until either side is done."""
        self._lies = False
        with socket.socket(socket.AF_UNIX) as docker, suppress(OSError):
            docker.connect(str(self.server.liar.docker))
            back = threading.Thread(target=self._pass_answers_on, args=(docker,), daemon=True)
            back.start()
            self._pass_requests_on(docker)
            back.join()

    def _pass_requests_on(self, docker: socket.socket) -> None:
        with suppress(OSError):
            while piece := self.request.recv(_PIECE):
                self._lies = self._lies or self.server.liar.takes(piece)
                docker.sendall(piece)
            docker.shutdown(socket.SHUT_WR)

    def _pass_answers_on(self, docker: socket.socket) -> None:
        with suppress(OSError):
            while piece := docker.recv(_PIECE):
                if self._lies:
                    self.server.liar.lies += 1
                    self.request.sendall(REFUSAL)
                    break
                self.request.sendall(piece)
            self.request.shutdown(socket.SHUT_RDWR)  # ends the other direction as well
