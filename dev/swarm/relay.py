"""Connections between network namespaces: a port that is open in one leads to a port in another.

No address and no route is needed for that, because a socket stays in the namespace in which it was
made. `python -m dev.swarm.relay ROUTE…` relays until it is ended.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from dev.swarm.namespaces import HERE, inside

_CHUNK = 1 << 16
_BACKLOG = 512


@dataclass(frozen=True)
class End:
    """A TCP port in a network namespace, by default that of the process."""

    port: int
    namespace: str = str(HERE)
    host: str = "127.0.0.1"

    def new_socket(self) -> socket.socket:
        """Return a socket in the namespace."""
        with inside(Path(self.namespace)):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


@dataclass(frozen=True)
class Route:
    """Where connections are accepted, and the ends they may lead to, the first that answers."""

    accept: End
    to: Sequence[End]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the route that `str` has written."""
        ends: dict[str, Any] = json.loads(text)
        return cls(End(**ends["accept"]), [End(**each) for each in ends["to"]])

    def __str__(self) -> str:
        """Return it as an argument of the command."""
        return json.dumps(asdict(self))


class Relay:
    """Routes that are open until they are closed, in the running event loop."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._links: set[asyncio.Task[None]] = set()

    async def open(self, route: Route) -> None:
        """Accept connections for the route; raises OSError if the port is taken."""
        listener = route.accept.new_socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((route.accept.host, route.accept.port))

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                await _link(reader, writer, route.to)

        self._servers.append(await asyncio.start_server(accepted, sock=listener, backlog=_BACKLOG))

    def close(self) -> None:
        """Stop accepting; what is connected stays so until one side hangs up."""
        for server in self._servers:
            server.close()


async def _link(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: Sequence[End]
) -> None:
    """Pass bytes both ways until both sides are done."""
    try:
        onwards_reader, onwards_writer = await _connected(ends)
    except OSError:
        # As whoever connects to a port on which nobody listens would see it.
        writer.transport.abort()
        return
    try:
        await _both(_pass_on(reader, onwards_writer), _pass_on(onwards_reader, writer))
    finally:
        onwards_writer.transport.abort()
        writer.close()


async def _connected(ends: Sequence[End]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    refusal: OSError = ConnectionRefusedError("a route without ends")
    for end in ends:
        made = end.new_socket()
        try:
            await asyncio.get_running_loop().sock_connect(made, (end.host, end.port))
            return await asyncio.open_connection(sock=made)
        except OSError as fault:
            made.close()
            refusal = fault
    raise refusal


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


async def _both(*ways: Awaitable[None]) -> None:
    """Wait for both ways; a connection that breaks on one ends the other."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _main(routes: Sequence[str]) -> None:
    relay = Relay()
    for each in routes:
        await relay.open(Route.parse(each))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
