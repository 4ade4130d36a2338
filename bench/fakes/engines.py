"""Fake engines: each has an address of its own on the loopback network and answers `/healthz`."""

import asyncio
import os
import resource
import socket
from collections.abc import Iterable, Iterator
from typing import Any

ENGINE_PORT = 8080
PER_BLOCK = 250
_BODY = b'{"status":"ok"}'
_HEALTHY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


class Engine(asyncio.Protocol):
    """Answers whatever is asked with a healthy answer, and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport: Any = transport

    def data_received(self, _: bytes) -> None:
        """Answer."""
        self._transport.write(_HEALTHY)
        self._transport.close()


def addresses(count: int) -> Iterator[str]:
    """Yield addresses of the loopback block of this fake."""
    for number in range(count):
        yield f"127.{os.environ['BENCH_BLOCK']}.{number // PER_BLOCK}.{number % PER_BLOCK + 1}"


async def serve_engines(at: Iterable[str]) -> None:
    """Let an engine answer at each address."""
    loop = asyncio.get_running_loop()
    for address in at:
        await loop.create_server(Engine, sock=listening(address, ENGINE_PORT))


def listening(address: str, port: int) -> socket.socket:
    """Return a socket that listens."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    return listener


def allow_many_files() -> None:
    """Raise the limit of open files, of which each engine takes one."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
