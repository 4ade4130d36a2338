"""Docker daemons of other API versions, and addresses that are no Docker at all."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_host import (
    DockerUnavailable,
    HostRefused,
)
from tests.contract.ports.docker_worlds import RealWorld

Answer = Callable[[str], tuple[int, object]]


@contextmanager
def _fake_docker(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = answer(self.path)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"ApiVersion": "2.10", "MinAPIVersion": "1.99"}, "supports API 1.99 at least"),
        ({"ApiVersion": "1.39", "MinAPIVersion": "1.12"}, "supports API 1.39 at most"),
        ({"hello": "world"}, "is not a Docker daemon"),
        (["hello"], "is not a Docker daemon"),
        ({"ApiVersion": "new"}, "is not a Docker daemon"),
    ],
)
async def test_trap_api_version_floor(real_docker: RealWorld, answer: object, words: str) -> None:
    """Without a common API version the error names which side must be upgraded."""
    with _fake_docker(lambda _: (200, answer)) as address:
        host = real_docker.new_host(network="n", address=address)

        with pytest.raises(DockerUnavailable, match=words):
            await host.ping()


async def test_a_docker_replaced_by_an_older_one_is_agreed_with_again(
    real_docker: RealWorld,
) -> None:
    """A version that is refused later is negotiated again at the next call."""
    speaks = "1.45"

    def answer(path: str) -> tuple[int, object]:
        if path == "/version":
            return 200, {"ApiVersion": speaks, "MinAPIVersion": "1.24"}
        if path.startswith(f"/v{speaks}/"):
            return 200, "OK"
        return 400, {"message": f"client version 1.45 is too new. Maximum is {speaks}"}

    with _fake_docker(answer) as address:
        host = real_docker.new_host(network="n", address=address)
        await host.ping()
        speaks = "1.42"

        with pytest.raises(DockerUnavailable, match="too new"):
            await host.ping()

        await host.ping()


@pytest.mark.parametrize(("status", "body"), [(404, {}), (500, {}), (200, "text")])
async def test_another_kind_of_server_is_unavailable(
    real_docker: RealWorld, status: int, body: object
) -> None:
    """A server that is not Docker never makes a container count as missing."""
    with _fake_docker(lambda _: (status, body)) as address:
        host = real_docker.new_host(network="n", address=address)

        with pytest.raises(DockerUnavailable, match="is not a Docker daemon"):
            await host.inspect(ContainerId("0" * 64))


async def test_a_404_of_something_in_between_makes_no_container_vanish(
    real_docker: RealWorld,
) -> None:
    """Only Docker's own 404 means that a container is missing."""

    def answer(path: str) -> tuple[int, object]:
        version = {"ApiVersion": "1.45", "MinAPIVersion": "1.24"}
        return (200, version) if path == "/version" else (404, {"message": "page not found"})

    with _fake_docker(answer) as address:
        host = real_docker.new_host(network="n", address=address)

        with pytest.raises(HostRefused, match="page not found"):
            await host.inspect(ContainerId("0" * 64))


async def test_what_is_no_docker_address_is_unavailable(real_docker: RealWorld) -> None:
    """An invalid address is reported as such."""
    host = real_docker.new_host(network="n", address="gopher://engine")

    with pytest.raises(DockerUnavailable, match="is not a Docker address"):
        await host.ping()
