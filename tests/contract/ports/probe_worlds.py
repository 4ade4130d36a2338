"""Engines to probe, in memory and over HTTP."""

import asyncio
import os
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, suppress
from typing import Protocol

from dev.free_port import free_port
from rtmanager.adapters.engine_http import HttpEngineProbe
from rtmanager.adapters.in_memory.container_host import InMemoryEngineProbe
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.ports.engine_probe import EngineProbe

TIMEOUT = 0.5
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Engines(Protocol):
    """A probe, and engines for it."""

    probe: EngineProbe

    async def healthy(self) -> str:
        """Return the address of an engine that answers 200."""

    async def unhealthy(self) -> str:
        """Return the address of an engine that answers with 503."""

    def cannot_be_asked(self, address: str) -> AbstractContextManager[None]:
        """Leave this process without file descriptors, so that it cannot probe."""


class MemoryEngines:
    """Engines in memory."""

    def __init__(self) -> None:
        self._docker = InMemoryDocker()
        self._probe = InMemoryEngineProbe(docker=self._docker)
        self.probe: EngineProbe = self._probe

    async def healthy(self) -> str:
        """Run a healthy engine."""
        return self._run(ImageBehaviour())

    async def unhealthy(self) -> str:
        """Run an engine that never becomes healthy."""
        return self._run(ImageBehaviour(healthy_after=None))

    @contextmanager
    def cannot_be_asked(self, address: str) -> Iterator[None]:
        """Make probes of the address fail in this process."""
        self._probe.unaskable.add(address)
        yield
        self._probe.unaskable.remove(address)

    def _run(self, behaviour: ImageBehaviour) -> str:
        container = self._docker.add_foreign("engine", behaviour=behaviour, running=True)
        assert container.address
        return container.address


class HttpEngines:
    """Engines on loopback."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack, self._port = stack, free_port()
        probe = HttpEngineProbe(timeout=TIMEOUT, port=self._port)
        stack.push_async_callback(self._until_all_left)
        self.probe: EngineProbe = probe
        self._connections: set[asyncio.StreamWriter] = set()
        self._all_left = asyncio.Event()
        self._all_left.set()

    async def _until_all_left(self) -> None:
        await asyncio.wait_for(self._all_left.wait(), timeout=5)

    async def healthy(self) -> str:
        """Serve a 200."""
        return await self.saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async def unhealthy(self) -> str:
        """Serve a 503."""
        return await self.saying(b"HTTP/1.1 503 Unwell\r\nContent-Length: 0\r\n\r\n")

    def cannot_be_asked(self, address: str) -> AbstractContextManager[None]:
        """Leave the process no file descriptors."""
        assert address
        return _no_descriptors_left()

    async def saying(self, answer: bytes) -> str:
        """Answer every request with these bytes, and wait for the client to disconnect."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            await reader.read()

        return await self.serving(serve)

    async def serving(self, serve: Serve) -> str:
        """Serve each connection with this function."""

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


@contextmanager
def _no_descriptors_left() -> Iterator[None]:
    """Leave this process no file descriptors for the duration of the block."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
