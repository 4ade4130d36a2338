"""What the engine probe port promises, on the double and over HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Protocol

import pytest

from rtmanager.adapters.engine_http.engine_probe import HttpEngineProbe
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.adapters.in_memory.engine_probe import InMemoryEngineProbe
from rtmanager.domain.ports.engine_probe import EngineProbe, ProbeAnswer

TIMEOUT = 0.5
NOBODY = "127.0.77.1"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Engines(Protocol):
    """A probe, and engines for it to ask."""

    probe: EngineProbe

    async def healthy(self) -> str:
        """Return the address of an engine that answers well."""

    async def unhealthy(self) -> str:
        """Return the address of an engine that answers with 503."""


class MemoryEngines:
    """Engines in memory."""

    def __init__(self) -> None:
        self._docker = InMemoryDocker()
        self.probe: EngineProbe = InMemoryEngineProbe(docker=self._docker)

    async def healthy(self) -> str:
        """Run an engine that answers well."""
        return self._run(ImageBehaviour())

    async def unhealthy(self) -> str:
        """Run an engine that never gets well."""
        return self._run(ImageBehaviour(healthy_after=None))

    def _run(self, behaviour: ImageBehaviour) -> str:
        container = self._docker.add_foreign("engine", behaviour=behaviour, running=True)
        assert container.address
        return container.address


class HttpEngines:
    """Engines on loopback."""

    def __init__(self, stack: AsyncExitStack, port: int) -> None:
        self._stack, self._port = stack, port
        probe = HttpEngineProbe(timeout=TIMEOUT, port=port)
        stack.push_async_callback(probe.aclose)
        stack.push_async_callback(self._until_all_left)
        self.probe: EngineProbe = probe
        self._connections: set[asyncio.StreamWriter] = set()
        self._all_left = asyncio.Event()
        self._all_left.set()

    async def _until_all_left(self) -> None:
        await asyncio.wait_for(self._all_left.wait(), timeout=5)

    async def healthy(self) -> str:
        """Serve a good answer."""
        return await self.saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async def unhealthy(self) -> str:
        """Serve a bad answer."""
        return await self.saying(b"HTTP/1.1 503 Unwell\r\nContent-Length: 0\r\n\r\n")

    async def saying(self, answer: bytes) -> str:
        """Serve these bytes to every request, and wait for the other side to leave."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            await reader.read()

        return await self.serving(serve)

    async def serving(self, serve: Serve) -> str:
        """Serve each connection so."""

        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._connections.add(writer)
            self._all_left.clear()
            with suppress(ConnectionError):
                await serve(reader, writer)
            with suppress(ConnectionError):
                writer.close()
                await writer.wait_closed()
            self._connections.discard(writer)
            if not self._connections:
                self._all_left.set()

        server = await asyncio.start_server(served, "127.0.0.1", self._port)
        await self._stack.enter_async_context(server)
        return "127.0.0.1"


@pytest.fixture
async def http_engines(unused_tcp_port: int) -> AsyncIterator[HttpEngines]:
    """Return engines behind real sockets."""
    async with AsyncExitStack() as stack:
        yield HttpEngines(stack, unused_tcp_port)


@pytest.fixture(params=["in memory", "http"])
def engines(request: pytest.FixtureRequest) -> Engines:
    """Return each kind of engines in turn."""
    if request.param == "in memory":
        return MemoryEngines()
    found: HttpEngines = request.getfixturevalue("http_engines")
    return found


async def test_an_engine_that_answers_is_healthy(engines: Engines) -> None:
    """A good answer is healthy, without an error."""
    assert await engines.probe.check(await engines.healthy()) == ProbeAnswer(healthy=True)


async def test_an_engine_that_says_so_is_unhealthy(engines: Engines) -> None:
    """The status is in the error."""
    answer = await engines.probe.check(await engines.unhealthy())

    assert not answer.healthy
    assert "503" in answer.error


async def test_an_address_without_an_engine_is_unhealthy(engines: Engines) -> None:
    """Nobody there is an answer, not an exception."""
    answer = await engines.probe.check(NOBODY)

    assert not answer.healthy
    assert answer.error


@pytest.mark.parametrize("address", ["", "no address", "256.1.1.1", "\0", "a" * 300, "::g", "é"])
async def test_a_nonsense_address_is_unhealthy(engines: Engines, address: str) -> None:
    """Whatever the address, the probe never raises."""
    assert not (await engines.probe.check(address)).healthy


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
    """A redirect, nonsense or half an answer is no good answer."""
    answer = await http_engines.probe.check(await http_engines.saying(reply))

    assert not answer.healthy
    assert 0 < len(answer.error) <= 200


async def test_a_dripping_engine_does_not_hold_the_probe(http_engines: HttpEngines) -> None:
    """The limit is for the whole answer, not from one byte to the next."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not reader.at_eof():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    address = await http_engines.serving(drip)
    began = time.monotonic()

    answer = await http_engines.probe.check(address)

    assert (answer.healthy, answer.error) == (False, "/healthz not answered in 0.5 s")
    assert time.monotonic() - began < TIMEOUT + 0.5


async def test_a_flood_is_not_read_to_its_end(http_engines: HttpEngines) -> None:
    """A few kilobytes of a good answer are enough to know."""
    flood = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 200_000

    assert (await http_engines.probe.check(await http_engines.saying(flood))).healthy


async def test_proxies_of_the_environment_are_ignored(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines are asked directly."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with AsyncExitStack() as stack:
        engines = HttpEngines(stack, unused_tcp_port)

        assert (await engines.probe.check(await engines.healthy())).healthy
