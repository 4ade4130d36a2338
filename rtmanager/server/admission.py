"""Who may connect: a question about the peer's address, asked before anything is read from it."""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable

from rtmanager.domain.monitoring.engine_addresses import parse_address
from rtmanager.server.refusals import Reason

Admits = Callable[[str], Awaitable[bool]]
"""Returns whether the peer with this IP address, IPv4 where there is one, may connect."""

ADMISSION_LIMIT = 5.0
"""Seconds for the answer; without one the peer is refused."""


class NotAdmitted(Exception):
    """The peer may not connect; with the error if the question failed."""

    def __init__(self, reason: Reason, error: str = "") -> None:
        super().__init__(reason, error)
        self.reason = reason
        self.error = error


async def everyone(_peer: str) -> bool:
    """Admit every peer."""
    return True


def peer_address(peername: object) -> str | None:
    """Return the address of a socket's peer without scope, IPv4 where it is mapped into IPv6."""
    address = parse_address(str(peername[0])) if isinstance(peername, tuple) else None
    return None if address is None else str(address)


def is_loopback(address: str) -> bool:
    """Return whether the address, as `peer_address` returns it, is this machine itself."""
    return ipaddress.ip_address(address).is_loopback


async def refuse_unless_admitted(admits: Admits, address: str) -> None:
    """Ask; raises NotAdmitted after a no, an error, or no answer in time."""
    try:
        async with asyncio.timeout(ADMISSION_LIMIT):
            admitted = await admits(address)
    except Exception as error:
        raise NotAdmitted(Reason.ADMISSION_FAILED, repr(error)) from error
    if not admitted:
        raise NotAdmitted(Reason.NOT_ADMITTED)
