"""The admission of a connection, before its HTTP begins."""

import asyncio
from functools import partial
from typing import Any, cast

from uvicorn.server import ServerState

from rtmanager.server.admission import (
    Admits,
    NotAdmitted,
    is_loopback,
    peer_address,
    refuse_unless_admitted,
)
from rtmanager.server.connections import Connections
from rtmanager.server.http_protocol import HttpProtocol

FIRST_READ = 4 * 1024
"""Bytes that are read before the peer is admitted: a whole request, mostly."""


class AdmittedProtocol(asyncio.BufferedProtocol):
    """Gives a connection to HTTP once its peer is admitted, and looks at nothing before that.

    Not to read at all is impossible: uvloop starts to read after `connection_made` whatever it
    does, up to 256 KiB. A protocol with a buffer of its own decides how much.
    """

    peer = None
    """Not among those that were admitted."""

    def __init__(
        self, *, admits: Admits, connections: Connections, server_state: ServerState, **others: Any
    ) -> None:
        self._admits = admits
        self._all = connections
        self._servers = cast("set[Any]", server_state.connections)
        self._http = partial(
            HttpProtocol, connections=connections, server_state=server_state, **others
        )
        self._admission: asyncio.Task[None] | None = None
        self._buffer = bytearray()
        self._first = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask for the admission; a loopback peer never waits."""
        self._transport = transport
        address = peer_address(transport.get_extra_info("peername"))
        if address is None:  # it has gone already
            transport.abort()
        elif is_loopback(address):
            self._begin_http(None)
        else:
            self._all.add(self)
            self._servers.add(self)
            loop = asyncio.get_running_loop()
            self._admission = loop.create_task(self._admit(address), name="admission")

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Return room for the first read."""
        self._buffer = bytearray(FIRST_READ)
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Keep what the peer sent, and read no more."""
        self._first = bytes(self._buffer[:nbytes])
        self._transport.pause_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        """End; nobody waits for an admission any more."""
        self._leave()
        if self._admission is not None:
            self._admission.cancel()

    def shutdown(self) -> None:
        """End, because the server does."""
        self._transport.close()

    def make_room(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def expire(self) -> None:
        """Do nothing: the question has a limit of its own."""

    async def _admit(self, address: str) -> None:
        try:
            await refuse_unless_admitted(self._admits, address)
        except NotAdmitted as refusal:
            self._all.refusals.add(refusal.reason, peer=address, error=refusal.error)
            self._transport.abort()
            return
        if not self._transport.is_closing():
            self._leave()
            self._begin_http(address)

    def _leave(self) -> None:
        self._all.remove(self)
        self._servers.discard(self)

    def _begin_http(self, peer: str | None) -> None:
        http = self._http(peer=peer)
        # A transport that reads would go on to use our buffer.
        self._transport.pause_reading()
        self._transport.set_protocol(http)
        http.connection_made(self._transport)
        self._transport.resume_reading()
        if self._first:
            http.data_received(self._first)
