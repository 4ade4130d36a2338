"""The admission of a connection, before its HTTP begins."""

import asyncio
from typing import Any

from rtmanager.server.admission import (
    Admits,
    NotAdmitted,
    is_loopback,
    peer_address,
    refuse_unless_admitted,
)
from rtmanager.server.http_protocol import HttpProtocol


class AdmittedProtocol(HttpProtocol):
    """Looks at nothing from a peer of another machine until it is admitted."""

    def __init__(self, *, admits: Admits, **others: Any) -> None:
        super().__init__(**others)
        self._admits = admits
        self._admission: asyncio.Task[None] | None = None
        self._held_back = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; a loopback peer never waits."""
        super().connection_made(transport)
        address = peer_address(transport.get_extra_info("peername"))
        if address is None:  # it has gone already
            transport.abort()
        elif not is_loopback(address):
            self._admission = self.loop.create_task(self._admit(address), name="admission")

    def data_received(self, data: bytes) -> None:
        """Handle what the peer sent; until it is admitted, keep one read and pause reading.

        Pausing in `connection_made` is no use: uvloop starts to read after it whatever it does.
        """
        if self._admission is None:
            super().data_received(data)
        else:
            self._held_back += data
            self.flow.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; nobody waits for an admission any more."""
        if self._admission is not None:
            self._admission.cancel()
        super().connection_lost(exc)

    async def _admit(self, address: str) -> None:
        try:
            await refuse_unless_admitted(self._admits, address)
        except NotAdmitted as refusal:
            self._all.refusals.add(refusal.reason, peer=address, error=refusal.error)
            self.transport.abort()
            return
        self._admission = None
        self.flow.resume_reading()
        if self._held_back:
            held_back, self._held_back = self._held_back, b""
            self.data_received(held_back)
