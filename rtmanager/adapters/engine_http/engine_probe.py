"""The engine probe port over HTTP."""

import asyncio
import errno
import ipaddress
import socket

import h11

from rtmanager.adapters.engine_http.one_request import ask
from rtmanager.domain.container import ENGINE_PORT
from rtmanager.domain.ports.engine_probe import ProbeAnswer

PATH = "/healthz"

_LOCAL_FAULTS = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,  # no local port is left
    }
)
"""What goes wrong in this process or machine before an engine is asked."""


class HttpEngineProbe:
    """Asks engines at their container address, each time over a connection of its own.

    The limit is for the whole answer, so that an engine cannot hold a probe by dripping. Nothing
    is kept between two probes: the address may be another engine's by then.
    """

    def __init__(self, *, timeout: float = 2.0, port: int = ENGINE_PORT) -> None:
        self._timeout = timeout
        self._port = port

    async def check(self, address: str) -> ProbeAnswer:
        """Ask `/healthz` once; any 2xx is healthy, a redirect is not followed."""
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._ask(address)
        except TimeoutError:
            return ProbeAnswer(healthy=False, error=f"{PATH} not answered in {self._timeout:g} s")
        except OSError as error:
            unknown = error.errno in _LOCAL_FAULTS
            return ProbeAnswer(healthy=False, error=_cannot_be_asked(error), is_unknown=unknown)
        except (h11.RemoteProtocolError, ValueError) as error:
            return ProbeAnswer(healthy=False, error=_cannot_be_asked(error))
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own range of success
            return ProbeAnswer(healthy=True)
        return ProbeAnswer(healthy=False, error=f"{PATH} answered {status}")

    async def _ask(self, address: str) -> int:
        """Return the status that the engine answers with; an address is never a name to look up."""
        ip = ipaddress.ip_address(address)
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
        host = f"[{ip}]" if family is socket.AF_INET6 else str(ip)
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(0)
            await asyncio.get_running_loop().sock_connect(connection, (str(ip), self._port))
            return await ask(connection, PATH, host=f"{host}:{self._port}")


def _cannot_be_asked(error: Exception) -> str:
    return f"{PATH} cannot be asked: {str(error) or type(error).__name__}"[:200]
