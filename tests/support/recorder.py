"""What the service sends to its servers: proxies that pass on every byte, and write down requests.

They understand as much of the protocols of Postgres, Redis and Docker as that takes, and nothing
else has to be changed or asked: what is counted is what was sent.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

Address = tuple[str, int] | Path

STATEMENT, TRIP, COMMAND, CALL = "statement", "round trip", "Redis command", "Docker call"

_LONGEST = 100
_SSL_OR_GSS = {80877103, 80877104}
_OF_CONNECTIONS = {"AUTH", "HELLO", "CLIENT", "SELECT"}
"""Redis commands that are sent once for each connection, whatever it is used for."""
_REQUEST = re.compile(rb"\A([A-Z]+) (?:/v[\d.]+)?(/\S*) HTTP/1\.1\r\n")


class Sent(NamedTuple):
    """One request: what it is, and its words."""

    kind: str
    words: str

    def __str__(self) -> str:
        """Return both."""
        return f"{self.kind}: {self.words}" if self.words else self.kind


@dataclass
class Recorder:
    """Everything that was sent since it was last cleared, in order."""

    sent: list[Sent] = field(default_factory=list)

    def add(self, kind: str, words: str = "") -> None:
        """Write down a request."""
        self.sent.append(Sent(kind, words))

    def take(self) -> Sequence[Sent]:
        """Return what was sent, and begin anew."""
        taken, self.sent = self.sent, []
        return taken


class Listener(Protocol):
    """Reads what a client sends on one connection."""

    def feed(self, data: bytes) -> None:
        """Write down the requests that are complete with these bytes."""


class PostgresRequests:
    """Statements (each execution counts, preparing does not), and waits for their results.

    A wait ends a group of statements: those of a pipeline that are sent together have one.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._buffer = bytearray()
        self._is_open = False  # the connection's start has no types of messages
        self._prepared: dict[bytes, str] = {}
        self._bound = ""
        self._waits = False

    def feed(self, data: bytes) -> None:
        """Write down what is complete."""
        self._buffer += data
        while (message := self._next()) is not None:
            kind, body = message
            if self._is_open:
                self._read(kind, body)
            else:
                self._is_open = int.from_bytes(body[:4]) not in _SSL_OR_GSS

    def _next(self) -> tuple[bytes, bytes] | None:
        offset = 1 if self._is_open else 0
        size = offset + int.from_bytes(self._buffer[offset : offset + 4])
        if len(self._buffer) < offset + 4 or len(self._buffer) < size:
            return None
        kind, body = bytes(self._buffer[:offset]), bytes(self._buffer[offset + 4 : size])
        del self._buffer[:size]
        return kind, body

    def _read(self, kind: bytes, body: bytes) -> None:
        match kind:
            case b"P":
                name, statement, *_ = body.split(b"\0")
                self._prepared[name] = _shortened(statement.decode())
            case b"B":
                _, name, *_ = body.split(b"\0")
                self._bound = self._prepared[name]
            case b"E":
                self._execute(self._bound)
            case b"Q":
                self._execute(_shortened(body.rstrip(b"\0").decode()))
                self._wait()
            case b"S" | b"H" if self._waits:
                self._wait()

    def _execute(self, statement: str) -> None:
        self._recorder.add(STATEMENT, statement or "(empty)")
        self._waits = True

    def _wait(self) -> None:
        self._recorder.add(TRIP)
        self._waits = False


class RedisRequests:
    """Commands; one that runs a script is one."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        """Write down what is complete."""
        self._buffer += data
        while (words := self._next()) is not None:
            name = words[0].decode().upper()
            if name not in _OF_CONNECTIONS:
                self._recorder.add(COMMAND, _shortened(" ".join([name, *map(_text, words[1:])])))

    def _next(self) -> list[bytes] | None:
        """Return the words of the next command, which is an array of texts with their lengths."""
        head, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return None
        words = []
        for _ in range(int(head[1:])):
            size, end, rest = rest.partition(b"\r\n")
            if not end or len(rest) < int(size[1:]) + 2:
                return None
            words.append(rest[: int(size[1:])])
            rest = rest[int(size[1:]) + 2 :]
        self._buffer = rest
        return words


class DockerRequests:
    """Calls; the head of each arrives in one piece, as the client sends it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def feed(self, data: bytes) -> None:
        """Write down the request that begins here."""
        if found := _REQUEST.match(data):
            method, path = found.groups()
            self._recorder.add(CALL, _shortened(f"{method.decode()} {path.decode()}"))


@asynccontextmanager
async def recorded(
    target: Address, read: Callable[[], Listener], listen_on: Path | None = None
) -> AsyncIterator[int]:
    """Run a proxy in front of a server during the block; yield its loopback port.

    With a path it listens there, and the port is 0.
    """
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_connect(target, read(), reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    if listen_on:
        server = await asyncio.start_unix_server(accept, listen_on)
    else:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield 0 if listen_on else server.sockets[0].getsockname()[1]
        for each in connections:
            each.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _connect(
    target: Address,
    listener: Listener,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    if isinstance(target, Path):
        from_server, to_server = await asyncio.open_unix_connection(target)
    else:
        from_server, to_server = await asyncio.open_connection(*target)
    async with asyncio.TaskGroup() as both:
        both.create_task(_pass_on(reader, to_server, listener.feed))
        both.create_task(_pass_on(from_server, writer, _ignore))


async def _pass_on(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, read: Callable[[bytes], None]
) -> None:
    try:
        while data := await source.read(1 << 16):
            read(data)
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass  # as the other side sees it too
    finally:
        sink.close()


def _ignore(_: bytes) -> None:
    pass


def _shortened(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} ..."


def _text(word: bytes) -> str:
    return word.decode("ascii", "backslashreplace")
