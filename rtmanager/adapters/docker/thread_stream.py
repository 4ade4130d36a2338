"""Answers of Docker that go on: read by a thread each, until they are closed."""

import asyncio
import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, ClassVar, Generic, TypeVar

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.domain.ports.container_host import DockerUnavailable

T = TypeVar("T")


class ThreadStream(ABC, Generic[T]):
    """One answer, whose thread ends when the stream is closed.

    Items are queued in order; the last one is the error that ended the stream, or None.
    """

    name: ClassVar[str]
    """The name of the thread."""
    not_begun: ClassVar[str]
    """What Docker did that never began to answer."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[T | Exception | None] = asyncio.Queue()
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._is_closed = False

    async def open(self) -> None:
        """Ask Docker; return once it has begun to answer, which the thread signals with None."""
        Thread(target=self._run, name=self.name, daemon=True).start()
        try:
            async with asyncio.timeout(self._client.timeout):
                first = await self._arrived.get()
        except TimeoutError as error:
            seconds = self._client.timeout
            raise DockerUnavailable(
                f"the Docker daemon {self.not_begun} within {seconds:g} s"
            ) from error
        if isinstance(first, Exception):
            raise first

    def close(self) -> None:
        """Close the connection, which also ends the thread."""
        with self._lock:
            self._is_closed = True
            if self._socket is not None:
                with suppress(OSError):  # Docker may have closed it already
                    self._socket.shutdown(socket.SHUT_RDWR)

    @abstractmethod
    def _run(self) -> None:
        """Ask Docker, and hand over what arrives, in the thread."""

    async def _next(self) -> T | None:
        """Return the next item, None at the end; raise the error that ended the stream."""
        item = await self._arrived.get()
        if item is None or isinstance(item, Exception):
            self._arrived.put_nowait(item)  # every later read ends the same way
        if isinstance(item, Exception):
            raise item
        return item

    def _keep(self, connection: Any, *, silence: float) -> bool:
        """Keep the socket for `close`, with the timeout of a silent stream; False when closed."""
        with self._lock:
            # An answer that was read wholly has given its connection back.
            if connection is not None and connection.sock is not None and not self._is_closed:
                connection.sock.settimeout(silence)
                self._socket = connection.sock
            return not self._is_closed

    def _hand_over(self, item: T | Exception | None) -> None:
        """Pass an item to the event loop, which may have ended once the stream is closed."""
        with self._lock:
            if not self._is_closed:
                self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)
