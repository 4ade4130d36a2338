"""The engine probe port over HTTP.

Each probe is one h11 request on its own socket, so that everything that is read is bounded: an HTTP
client library reads as many 1xx answers as the server sends.
"""

import asyncio
import errno
import ipaddress
import socket

import h11

from rtmanager.domain.container import ENGINE_PORT
from rtmanager.domain.ports.engine_probe import ProbeAnswer

PATH = "/healthz"
READ_SIZE = 4096
MAX_HEAD = 16 * 1024
MAX_BODY = 16 * 1024
MAX_INFORMATIONAL = 4
"""More answers such as `103 Early Hints` than any server has a reason to send."""

_LOCAL_FAULTS = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,  # no local port left
    }
)
"""Errors of this process or machine; they say nothing about the engine."""


class HttpEngineProbe:
    """Probes engines at their container address, each time over a new connection.

    The timeout covers the whole answer, so that an engine cannot delay a probe by sending byte by
    byte. Nothing is kept between probes: the address may belong to another engine by then.
    """

    def __init__(self, *, timeout: float = 2.0, port: int = ENGINE_PORT) -> None:
        self._timeout = timeout
        self._port = port

    async def check(self, address: str) -> ProbeAnswer:
        """Probe `/healthz` once; any 2xx is healthy, redirects are not followed."""
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
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's range of success
            return ProbeAnswer(healthy=True)
        return ProbeAnswer(healthy=False, error=f"{PATH} answered {status}")

    async def _ask(self, address: str) -> int:
        """Return the status of the answer; the address must be an IP, since no name is resolved."""
        ip = ipaddress.ip_address(address)
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
        host = f"[{ip}]" if family is socket.AF_INET6 else str(ip)
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(0)
            await asyncio.get_running_loop().sock_connect(connection, (str(ip), self._port))
            return await _request(connection, PATH, host=f"{host}:{self._port}")


def _cannot_be_asked(error: Exception) -> str:
    return f"{PATH} cannot be asked: {str(error) or type(error).__name__}"[:200]


async def _request(connection: socket.socket, path: str, *, host: str) -> int:
    """Return the status of the answer to a GET request; the body is read up to a limit.

    A body that ends before its length or the limit is an error. Raises OSError and
    h11.RemoteProtocolError.
    """
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    headers = [("Host", host), ("Accept", "*/*"), ("Connection", "close")]
    head = http.send(h11.Request(method="GET", target=path, headers=headers)) or b""
    await asyncio.get_running_loop().sock_sendall(
        connection, head + (http.send(h11.EndOfMessage()) or b"")
    )
    answer = await _answer(connection, http)
    await _read_body(connection, http)
    return answer.status_code


async def _answer(connection: socket.socket, http: h11.Connection) -> h11.Response:
    """Return the final answer, after at most a few informational ones."""
    for _ in range(MAX_INFORMATIONAL + 1):
        event = await _next_event(connection, http)
        if isinstance(event, h11.Response):
            return event
        if not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("the engine closed the connection without an answer")
    raise h11.RemoteProtocolError(f"more than {MAX_INFORMATIONAL} 1xx answers and no other")


async def _read_body(connection: socket.socket, http: h11.Connection) -> None:
    """Read the body up to the limit, to check that the engine finishes its answer."""
    received = 0
    while received <= MAX_BODY:
        event = await _next_event(connection, http)
        if not isinstance(event, h11.Data):
            return
        received += len(event.data)


async def _next_event(connection: socket.socket, http: h11.Connection) -> h11.Event:
    """Wait for the next part of the answer and return it."""
    loop = asyncio.get_running_loop()
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await loop.sock_recv(connection, READ_SIZE))
    if not isinstance(event, h11.Event):
        raise h11.RemoteProtocolError("the engine switched the protocol")
    return event
