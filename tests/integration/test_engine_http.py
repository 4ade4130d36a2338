"""What the HTTP probe does beyond its port, since engines may send anything."""

import asyncio
import errno
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from rtmanager.adapters.engine_http import (
    MAX_BODY,
    MAX_HEAD,
    MAX_INFORMATIONAL,
)
from tests.contract.ports.probe_worlds import TIMEOUT, HttpEngines


@pytest.fixture
async def http_engines() -> AsyncIterator[HttpEngines]:
    """Return engines behind real sockets."""
    async with AsyncExitStack() as stack:
        yield HttpEngines(stack)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x00\xff\x00\xff\r\n\r\n",
        b"HTTP/1.1 2000 Far too good\r\n\r\n",
        b"HTTP/1.1 302 Over there\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9000\r\n\r\nno gzip",
    ],
)
async def test_a_broken_answer_is_unhealthy(http_engines: HttpEngines, reply: bytes) -> None:
    """A redirect, garbage or a truncated answer is unhealthy."""
    answer = await http_engines.probe.check(await http_engines.saying(reply))

    assert not answer.healthy
    assert 0 < len(answer.error) <= 200


@pytest.mark.parametrize(("within", "limit"), [(None, TIMEOUT), (0.1, 0.1), (60, TIMEOUT)])
async def test_a_dripping_engine_does_not_hold_the_probe(
    http_engines: HttpEngines, within: float | None, limit: float
) -> None:
    """The time limit covers the whole answer, not each byte; a caller may have less time."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not reader.at_eof():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    address = await http_engines.serving(drip)
    began = time.monotonic()

    answer = await http_engines.probe.check(address, within=within)

    assert (answer.healthy, answer.error) == (False, f"/healthz not answered in {limit:g} s")
    assert time.monotonic() - began < limit + 0.5


async def test_a_flood_is_not_read_to_its_end(http_engines: HttpEngines) -> None:
    """A few kilobytes of a 200 answer suffice."""
    flood = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 200_000

    assert (await http_engines.probe.check(await http_engines.saying(flood))).healthy


async def test_proxies_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Engines are probed directly."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with AsyncExitStack() as stack:
        engines = HttpEngines(stack)

        assert (await engines.probe.check(await engines.healthy())).healthy


async def test_trap_probe_keeps_cookies(http_engines: HttpEngines) -> None:
    """Nothing that an engine sends is sent back in later requests."""
    heads: list[bytes] = []

    async def bake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        cookie = b"c%d=%s" % (len(heads), b"x" * 1000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: %s\r\n\r\n" % cookie)
        await writer.drain()

    address = await http_engines.serving(bake)
    for _ in range(3):
        assert (await http_engines.probe.check(address)).healthy

    assert len(heads) == 3
    assert len(set(heads)) == 1


async def test_a_redirect_is_not_followed(http_engines: HttpEngines) -> None:
    """An engine cannot redirect the probe to other services of the network."""
    requests = 0

    async def send_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 307 There\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    answer = await http_engines.probe.check(await http_engines.serving(send_away))

    assert (answer.healthy, answer.error, requests) == (False, "/healthz answered 307", 1)


@pytest.mark.parametrize("size", [MAX_BODY, MAX_BODY + 1])
async def test_a_body_is_read_to_its_end_only_within_the_limit(
    http_engines: HttpEngines, size: int
) -> None:
    """A body beyond the limit is healthy; one that breaks off within it is a miss."""
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * size

    answer = await http_engines.probe.check(await http_engines.saying(begun))

    assert answer.healthy is (size > MAX_BODY)


async def test_an_engine_that_hints_first_is_healthy(http_engines: HttpEngines) -> None:
    """A few informational responses may precede the final one."""
    hints = b"HTTP/1.1 103 Early Hints\r\n\r\n" * MAX_INFORMATIONAL
    answer = hints + b"HTTP/1.1 204 No Content\r\n\r\n"

    assert (await http_engines.probe.check(await http_engines.saying(answer))).healthy


async def test_endless_informational_answers_are_not_waited_for(http_engines: HttpEngines) -> None:
    """Endless informational responses cannot keep a processor busy until the time limit."""
    sent = 0

    async def hint(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        while sent < 1000:
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            sent += 1
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    answer = await http_engines.probe.check(await http_engines.serving(hint))

    assert "1xx" in answer.error
    assert sent < 100


@pytest.mark.parametrize("reply", [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", b"HTTP/1.1 "])
async def test_an_answer_that_is_not_http_is_unhealthy(
    http_engines: HttpEngines, reply: bytes
) -> None:
    """Another protocol or half a status line is unhealthy."""
    assert not (await http_engines.probe.check(await http_engines.saying(reply))).healthy


async def test_a_head_without_an_end_is_unhealthy(http_engines: HttpEngines) -> None:
    """Headers are limited in size as well."""
    head = b"HTTP/1.1 200 OK\r\nX: " + b"x" * (2 * MAX_HEAD)

    answer = await http_engines.probe.check(await http_engines.saying(head))

    assert not answer.healthy
    assert "not answered" not in answer.error


@pytest.mark.parametrize("number", [errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_a_machine_without_resources_is_not_a_miss(
    http_engines: HttpEngines, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """When this machine lacks resources the engine was not probed."""
    address = await http_engines.healthy()

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", refuse)
        answer = await http_engines.probe.check(address)

    assert (answer.healthy, answer.is_unknown) == (False, True)
