"""What a probe of a hostile engine costs: bytes, parsing and wake-ups are counted, not seconds."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import h11
import pytest

from rtmanager.adapters.engine_http import (
    MAX_BYTES,
    MAX_INFORMATIONAL,
    MAX_PARTS,
    PAUSES,
    READ_SIZE,
    READS_WITHOUT_PAUSE,
)
from tests.contract.ports.probe_worlds import HttpEngines


@pytest.fixture
async def http_engines() -> AsyncIterator[HttpEngines]:
    """Return engines behind real sockets."""
    async with AsyncExitStack() as stack:
        yield HttpEngines(stack)


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Reads:
    """What the probe has read, counted at its socket and at its parser."""

    sizes: list[int] = field(default_factory=list)
    events: int = 0

    @property
    def bytes(self) -> int:
        """How many bytes were read."""
        return sum(self.sizes)


@pytest.fixture
async def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Count what is read from sockets, and what the parser makes of it."""
    counted, loop = Reads(), asyncio.get_running_loop()
    receive, parse = loop.sock_recv, h11.Connection.next_event

    async def counting(connection: socket.socket, size: int) -> bytes:
        data = await receive(connection, size)
        counted.sizes.append(len(data))
        return data

    def parsing(http: h11.Connection) -> Any:
        counted.events += 1
        return parse(http)

    monkeypatch.setattr(loop, "sock_recv", counting)
    monkeypatch.setattr(h11.Connection, "next_event", parsing)
    return counted


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n" + b"a: b\r\n" * 2500 + b"\r\n"),
        (OK, b"a: b\r\n"),
        (b"HTTP/1.1 200 ", b"x"),
        (b"", b"\r\n"),
        (OK + b"\r\n", b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
        (CHUNKED, b"1;" + b"e" * 15_000 + b"\r\nx\r\n"),
        (CHUNKED + b"1;", b"e"),
        (CHUNKED + b"0\r\n", b"a: b\r\n"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", b"x"),
    ],
    ids=[
        *("1xx", "large 1xx", "headers", "status line", "blank lines", "body", "chunks of a byte"),
        *("chunk extensions", "one chunk extension", "trailers", "another protocol"),
    ],
)
async def test_an_endless_answer_costs_a_bounded_amount(
    http_engines: HttpEngines, reads: Reads, begin: bytes, again: bytes
) -> None:
    """However an engine divides an endless answer, little of it is read and parsed."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        while not reader.at_eof():
            writer.write(again * (64 * 1024 // len(again) + 1))
            await writer.drain()

    answer = await http_engines.probe.check(await http_engines.serving(flood))

    assert "not answered" not in answer.error
    assert reads.bytes <= MAX_BYTES + READ_SIZE
    assert reads.events <= MAX_PARTS + len(reads.sizes) + MAX_INFORMATIONAL + 2


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (OK, b"a"),
        (OK, b"a:\r\n"),
        (OK + b"\r\n", b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
        (CHUNKED + b"1;", b"e"),
    ],
    ids=["a header", "headers", "body", "chunks", "chunk extension"],
)
async def test_an_engine_that_sends_bytes_one_by_one_is_read_now_and_then(
    http_engines: HttpEngines, reads: Reads, begin: bytes, again: bytes
) -> None:
    """The probe wakes a bounded number of times in its timeout, however often bytes arrive."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        while not reader.at_eof():
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0)

    await http_engines.probe.check(await http_engines.serving(drip))

    assert len(reads.sizes) <= READS_WITHOUT_PAUSE + PAUSES + 1


async def test_a_whole_answer_in_many_small_parts_is_healthy(http_engines: HttpEngines) -> None:
    """An honest engine may write its answer in pieces and in chunks."""

    async def piecemeal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in (CHUNKED[:9], CHUNKED[9:], *(b"9\r\nsome text\r\n",) * 30, b"0\r\n\r\n"):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    assert (await http_engines.probe.check(await http_engines.serving(piecemeal))).healthy
