"""The engine probe port over HTTP.

Each probe is one h11 request on its own socket, so that everything that is read is bounded: an HTTP
client library reads as many 1xx answers as the server sends.
"""

import asyncio
import errno
import ipaddress
import os
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
MAX_BYTES = 32 * 1024
"""What is read of an answer at most, however it is divided."""
MAX_PARTS = 256
"""Parts of a body that are read at most, such as chunks."""
READS_WITHOUT_PAUSE = 8
PAUSES = 32
"""Further reads that fit into the timeout, so that slow bytes arrive several at a time."""

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

    async def check(self, address: str, *, within: float | None = None) -> ProbeAnswer:
        """Probe `/healthz` once; any 2xx is healthy, redirects are not followed."""
        limit = self._timeout if within is None else min(within, self._timeout)
        try:
            async with asyncio.timeout(limit):
                status = await self._ask(address)
        except TimeoutError:
            return ProbeAnswer(healthy=False, error=f"{PATH} not answered in {limit:g} s")
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
            # What an engine sends and nobody reads waits in the kernel's memory.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MAX_BYTES)
            await asyncio.get_running_loop().sock_connect(connection, (str(ip), self._port))
            pause = self._timeout / PAUSES
            return await _request(connection, PATH, host=f"{host}:{self._port}", pause=pause)


def _cannot_be_asked(error: Exception) -> str:
    """Return why, without the number and the address that asyncio puts around the reason."""
    number = error.errno if isinstance(error, OSError) else None
    reason = os.strerror(number) if number else str(error) or type(error).__name__
    return f"{PATH} cannot be asked: {reason}"[:200]


async def _request(connection: socket.socket, path: str, *, host: str, pause: float) -> int:
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
    answer = _Answer(connection, http, pause)
    status = await answer.status()
    await answer.read_body()
    return status


class _OverLimit(h11.RemoteProtocolError):
    """the answer is larger than is read of any."""


class _Answer:
    """An answer that is read within limits of bytes, parts and reads per second.

    Each limit is an attack: chunk extensions are bytes without a body, chunks of one byte cost as
    much as large ones, and an engine that sends byte by byte wakes this process for each of them.
    """

    def __init__(self, connection: socket.socket, http: h11.Connection, pause: float) -> None:
        self._connection, self._http, self._pause = connection, http, pause
        self._bytes = self._reads = 0

    async def status(self) -> int:
        """Return the status of the final answer, after at most a few informational ones."""
        for _ in range(MAX_INFORMATIONAL + 1):
            event = await self._next_event(MAX_HEAD)
            if isinstance(event, h11.Response):
                return event.status_code
            if not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the engine closed the connection without an answer")
        raise h11.RemoteProtocolError(f"more than {MAX_INFORMATIONAL} 1xx answers and no other")

    async def read_body(self) -> None:
        """Read the body up to a limit, to check that the engine finishes its answer."""
        received = 0
        for _ in range(MAX_PARTS):
            try:
                event = await self._next_event(MAX_BYTES)
            except _OverLimit:
                return
            if not isinstance(event, h11.Data):
                return
            received += len(event.data)
            if received > MAX_BODY:
                return

    async def _next_event(self, limit: int) -> h11.Event:
        """Wait for the next part of the answer; raises _OverLimit after `limit` bytes."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._bytes > limit:
                raise _OverLimit(f"no end after {self._bytes} bytes")
            self._http.receive_data(await self._read())
        if not isinstance(event, h11.Event):
            raise h11.RemoteProtocolError("the engine switched the protocol")
        return event

    async def _read(self) -> bytes:
        """Read what has arrived; after some reads only from time to time."""
        if self._reads >= READS_WITHOUT_PAUSE:
            await asyncio.sleep(self._pause)
        data = await asyncio.get_running_loop().sock_recv(self._connection, READ_SIZE)
        self._reads += 1
        self._bytes += len(data)
        return data
