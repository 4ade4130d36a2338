"""A transport in memory, and a connection of the server on it."""

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from rtmanager.server.admission import Admits, everyone
from rtmanager.server.admitted_protocol import AdmittedProtocol
from rtmanager.server.connections import Connections, Limits
from rtmanager.server.http_protocol import HttpProtocol
from rtmanager.server.refusals import Reason, RefusedConnections
from rtmanager.telemetry.repeated_events import RepeatedEvents

OTHER_MACHINE = ("192.0.2.7", 4711)


class CountedRefusals(RefusedConnections):
    """Keeps the reasons in their order."""

    def __init__(self) -> None:
        super().__init__(RepeatedEvents())
        self.added: list[Reason] = []

    def add(self, reason: Reason, **_details: str) -> None:
        """Keep it."""
        self.added.append(reason)


class MemoryTransport(asyncio.Transport):
    """Keeps what is written, and notes what is done to it."""

    def __init__(self, peername: object, socket: object = None) -> None:
        names = {"peername": peername, "sockname": ("127.0.0.1", 8096)}
        super().__init__(names | ({"socket": socket} if socket else {}))
        self.protocol: HttpProtocol | AdmittedProtocol | None = None
        self.sent = b""
        self.unread = 0
        self.arrived = b""
        self.reads = True
        self.ended = False
        self.closed = False
        self.aborted = False

    def write(self, data: Any) -> None:
        """Keep the bytes."""
        assert not self.ended, "as a real transport, it can write nothing after its end"
        self.sent += bytes(data)

    def set_protocol(self, protocol: Any) -> None:
        """Report to another protocol from now on."""
        self.protocol = protocol

    def receive(self, data: bytes) -> None:
        """Pass on what the peer sent, in as many reads as the protocol wants, while it does."""
        self.arrived += data
        while self.arrived and self.reads and not self.closed:
            arrived, self.arrived = self.arrived, b""
            if isinstance(self.protocol, AdmittedProtocol):
                buffer = self.protocol.get_buffer(-1)
                size = min(len(buffer), len(arrived))
                buffer[:size], self.arrived = arrived[:size], arrived[size:]
                self.protocol.buffer_updated(size)
            elif self.protocol is not None:
                self.protocol.data_received(arrived)

    def get_write_buffer_size(self) -> int:
        """Return what the test says that the peer has not read."""
        return self.unread

    def pause_reading(self) -> None:
        """Stop to read."""
        self.reads = False

    def resume_reading(self) -> None:
        """Read again, soon."""
        self.reads = True
        asyncio.get_running_loop().call_soon(self.receive, b"")

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def abort(self) -> None:
        """Note it, and let the connection learn that it is lost."""
        if not self.aborted and self.protocol is not None:
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
        self.closed = self.aborted = True

    def write_eof(self) -> None:
        """Note it."""
        self.ended = True

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.closed


class Time:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def turns() -> None:
    """Let every task run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def hello(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with the path, without reading the body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def connection(
    peername: object = ("127.0.0.1", 4711),
    *,
    app: ASGIApp = hello,
    refusals: RefusedConnections | None = None,
    connections: Connections | None = None,
) -> tuple[HttpProtocol, MemoryTransport]:
    """Return a connection that was just made and admitted, and its transport."""
    transport = unadmitted(peername, app=app, refusals=refusals, connections=connections)
    assert isinstance(transport.protocol, HttpProtocol)
    return transport.protocol, transport


def unadmitted(
    peername: object = OTHER_MACHINE,
    *,
    app: ASGIApp = hello,
    admits: Admits = everyone,
    refusals: RefusedConnections | None = None,
    connections: Connections | None = None,
) -> MemoryTransport:
    """Return the transport of a connection that was just made."""
    if connections is None:
        connections = Connections(Limits(), refusals or CountedRefusals())
    transport = MemoryTransport(peername)
    protocol = AdmittedProtocol(
        admits=admits,
        connections=connections,
        config=uvicorn.Config(app, log_config=None, ws="none"),
        server_state=ServerState(),
        app_state={},
    )
    transport.protocol = protocol
    protocol.connection_made(transport)
    return transport
