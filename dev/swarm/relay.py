"""Connections between network namespaces: a port that is open in one leads to a port in another.

No address and no route is needed for that, because a socket stays in the namespace in which it was
made.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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


Ends = Callable[[], Sequence[End]]
"""Where a new connection may lead; the first that answers."""


class Relay:
    """Ports that are open until they are closed, in the running event loop."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._links: set[asyncio.Task[None] | None] = set()

    async def open(self, accept: End, to: Ends) -> None:
        """Accept connections at an end, and connect them; raises OSError if the port is taken."""
        listener = accept.new_socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((accept.host, accept.port))

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            self._links.add(task)
            try:
                await _link(reader, writer, to())
            finally:
                self._links.discard(task)

        self._servers.append(await asyncio.start_server(accepted, sock=listener, backlog=_BACKLOG))

    async def aclose(self) -> None:
        """Stop accepting, and break every connection."""
        for server in self._servers:
            server.close()
        links = [task for task in self._links if task is not None]
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)


async def _link(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: Sequence[End]
) -> None:
    """Pass bytes both ways until both sides are done, or one breaks."""
    try:
        onwards_reader, onwards_writer = await _connected(ends)
    except OSError:
        # As whoever connects to a port on which nobody listens would see it.
        writer.transport.abort()
        return
    with suppress(asyncio.CancelledError):
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_pass_on(reader, onwards_writer))
                ways.create_task(_pass_on(onwards_reader, writer))
        except* OSError:
            writer.transport.abort()
        finally:
            onwards_writer.transport.abort()
            writer.close()


async def _connected(ends: Sequence[End]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    refusal: OSError = ConnectionRefusedError("no end to connect to")
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
