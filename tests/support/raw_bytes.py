"""Raw bytes for a port: callers that send what no caller should, in a process of their own.

`python -m tests.support.raw_bytes PORT SECONDS SEED` prints what it did as JSON. What is sent
depends only on the seed, how much of it on the time.
"""

import asyncio
import json
import random
import re
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

AT_ONCE = 16
_PATIENCE = 0.05
_SLICE = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_RESET = struct.pack("ii", 1, 0)

Random = random.Random

METHODS = [
    "GET",
    "HEAD",
    "POST",
    "DELETE",
    "PUT",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "PRI",
    "get",
    "\0",
]
TARGETS = [
    "/healthz",
    "/readyz",
    "/api/v1/internal/runtimes",
    "/api/v1/internal/runtimes/none",
    "/api/v1/internal/runtimes/none/stop",
    "/api/v1/internal/runtimes/%00%ff/start",
    "/swagger/ui",
    "*",
    "//",
    "/%",
    "/" + "a" * 3000,
    "http://evil/healthz?x",
    "a:80",
    "?",
    "/\xff",
    "",
]
VERSIONS = ["HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/9.9", "RTSP/1.0", "http/1.1", ""]
HEADERS = [
    "Host: a",
    "Host: ",
    "Connection: close",
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Upgrade: h2c",
    "Expect: 100-continue",
    "Content-Length: 5",
    "Content-Length: 99999999999999999999",
    "Content-Length: -1",
    "Content-Length: 1000000",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: \x0bchunked",
    "Content-Type: application/json",
    "X-Galaxy-Caller: gm",
    "X-Request-Id: \xe9\xff",
    " folded: value",
    "no colon",
    ": no name",
    "X: " + "a" * 5000,
]
BODIES = [
    b"",
    b"{}",
    b'{"image_ref": 1}',
    b"5\r\nhello\r\n0\r\n\r\n",
    b"1;" + b"e" * 5000 + b"\r\na\r\n0\r\nTrailer: x\r\n\r\n",
    b"fffffffffffffffff\r\n",
    b"z\r\n",
    b"a" * 100_000,
]


def anything(rng: Random) -> bytes:
    """Return random bytes."""
    return rng.randbytes(rng.randrange(4096))


def request(rng: Random) -> bytes:
    """Return something like a request, of parts that do not belong together."""
    line = f"{rng.choice(METHODS)} {rng.choice(TARGETS)} {rng.choice(VERSIONS)}"
    lines = [line, *rng.choices(HEADERS, k=rng.randrange(8)), "", ""]
    return "\r\n".join(lines).encode("latin-1") + rng.choice(BODIES)


def damaged(rng: Random) -> bytes:
    """Return a request with bytes changed, left out and repeated."""
    data = bytearray(request(rng))
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(data))
        match rng.randrange(3):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randrange(1, 20)]
                data += b"\n"
            case _:
                data[at:at] = data[at : at + rng.randrange(1, 200)]
    return bytes(data)


def ahead(rng: Random) -> bytes:
    """Return many requests at once."""
    return b"".join(request(rng) for _ in range(rng.randrange(2, 60)))


def endless(rng: Random) -> bytes:
    """Return more of something than a request may have."""
    begin, part = rng.choice(
        [
            (b"GET / HTTP/1.1\r\n", b"X: a\r\n"),
            (b"GET / HTTP/1.1\r\nX: ", b"a"),
            (b"GET /", b"a"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n"),
            (b"DELETE /a HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", b"a"),
            (b"", b"\r\n"),
        ]
    )
    return begin + part * (200_000 // len(part))


def another_protocol(rng: Random) -> bytes:
    """Return the beginning of TLS, HTTP/2, and others, followed by frames."""
    begin = rng.choice(
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
            b"*1\r\n$4\r\nPING\r\n",
            b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
            b"SSH-2.0-x\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        ]
    )
    return begin + anything(rng)


def well_formed(_rng: Random) -> bytes:
    """Return a request that is answered with 200."""
    return b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


KINDS: list[Callable[[Random], bytes]] = [
    anything,
    request,
    damaged,
    ahead,
    endless,
    another_protocol,
    well_formed,
]


class Callers:
    """Connections, one after another on each of many tasks, until the time is over."""

    def __init__(self, port: int, seconds: float, seed: int) -> None:
        self._port = port
        self._until = time.monotonic() + seconds
        self._seed = seed
        self.connections = 0
        self.statuses: Counter[int] = Counter()

    async def run(self) -> None:
        """Send until the time is over."""
        await asyncio.gather(*(self._send_all(number) for number in range(AT_ONCE)))

    async def _send_all(self, number: int) -> None:
        rng = random.Random(f"{self._seed} {number}")  # noqa: S311 - it is to be repeatable
        while time.monotonic() < self._until:
            self.connections += 1
            with suppress(OSError):  # the service may close it
                await self._send(rng)

    async def _send(self, rng: Random) -> None:
        data, ends_at_once, reset = rng.choice(KINDS)(rng), rng.random(), rng.random()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            if ends_at_once > 0.1:  # else opened and dropped
                received = asyncio.create_task(self._read(reader))
                for start in range(0, len(data), _SLICE):
                    writer.write(data[start : start + _SLICE])
                    await asyncio.wait_for(writer.drain(), 1)
                await received
        finally:
            if reset < 0.3:
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Count the answers until there are no more for a moment."""
        with suppress(TimeoutError, OSError):
            while received := await asyncio.wait_for(reader.read(65536), _PATIENCE):
                self.statuses.update(int(status) for status in _STATUS.findall(received))


def main() -> None:
    """Send, and print what came of it."""
    port, seconds, seed = sys.argv[1:]
    callers = Callers(int(port), float(seconds), int(seed))
    asyncio.run(callers.run())
    sys.stdout.write(json.dumps({"connections": callers.connections, "statuses": callers.statuses}))


if __name__ == "__main__":
    main()
