"""Following a container's output on a real Docker."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Lock, Semaphore, Thread
from typing import Any, Self

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.output_lines import OutputLines
from rtmanager.domain.container import ContainerId
from rtmanager.domain.container_output import OutputBatch, OutputRequest
from rtmanager.domain.ports.container_host import DockerUnavailable, TooManyReaders

READERS = 16
"""Outputs that are read at once, each in a thread of its own: none waits for an ordinary call."""
_CHUNK = 64 * 1024
_AHEAD = 4
"""Batches that are read before the caller takes them; then Docker has to wait, and the engine."""
_SILENCE = 600.0
"""Seconds that a followed engine may be silent: longer than anybody follows it."""


class ContainerOutputs:
    """Reads outputs, a few at once."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._readers = 0

    @asynccontextmanager
    async def read(
        self, container_id: ContainerId, wanted: OutputRequest
    ) -> AsyncIterator[AsyncIterator[OutputBatch]]:
        """Read the output for the block."""
        if self._readers >= READERS:
            raise TooManyReaders(
                f"{READERS} outputs of engines are being read already; end one of them, or try "
                "again later"
            )
        self._readers += 1
        stream = _Stream(self._client, container_id, wanted)
        try:
            await stream.open()
            yield stream
        finally:
            stream.close()
            self._readers -= 1


class _Stream:
    """One output, read by its own thread, which ends when the stream is closed."""

    def __init__(
        self, client: DockerClient, container_id: ContainerId, wanted: OutputRequest
    ) -> None:
        self._client = client
        self._container_id = container_id
        self._wanted = wanted
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[OutputBatch | Exception | None] = asyncio.Queue()
        self._credit = Semaphore(_AHEAD)
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._is_closed = False

    async def open(self) -> None:
        """Ask Docker; return once it has begun to answer, which the thread signals with None."""
        Thread(target=self._run, name="docker-output", daemon=True).start()
        try:
            async with asyncio.timeout(self._client.timeout):
                first = await self._arrived.get()
        except TimeoutError as error:
            raise DockerUnavailable(
                f"the Docker daemon sent no output within {self._client.timeout:g} s"
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
        self._credit.release()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OutputBatch:
        item = await self._arrived.get()
        self._credit.release()
        if isinstance(item, OutputBatch):
            return item
        self._arrived.put_nowait(item)  # every later read ends the same way
        raise item or StopAsyncIteration

    def _run(self) -> None:
        try:
            self._client.run(self._read)
        except Exception as error:  # noqa: BLE001 - raised to the reader of the stream
            self._hand_over(error)
        else:
            self._hand_over(None)

    def _read(self, api: Any) -> None:
        with self._request(api) as response:
            api._raise_for_status(response)  # noqa: SLF001 - as the SDK reads an error answer
            if self._keeps(response.raw.connection, api.timeout):
                self._hand_over(None)
                self._pass_on(response)

    def _request(self, api: Any) -> Any:
        """Request the output; the SDK's method sets no timeout."""
        wanted = self._wanted
        query: dict[str, Any] = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": wanted.tail}
        if wanted.since is not None:
            query["since"] = f"{wanted.since.timestamp():.6f}"
        if wanted.follow:
            query["follow"] = 1
        url = f"{api.base_url}/v{api.api_version}/containers/{self._container_id}/logs"
        return api.get(url, params=query, stream=True, timeout=api.timeout)

    def _keeps(self, connection: Any, timeout: float) -> bool:
        """Keep the socket for `close`; False when that was called meanwhile."""
        with self._lock:
            # An answer that was read wholly has given its connection back.
            if connection is not None and connection.sock is not None and not self._is_closed:
                connection.sock.settimeout(_SILENCE if self._wanted.follow else timeout)
                self._socket = connection.sock
            return not self._is_closed

    def _pass_on(self, response: Any) -> None:
        lines = OutputLines()
        # Docker sends each of its writes as a chunk, and none is waited for to fill another.
        for chunk in response.iter_content(_CHUNK):
            self._credit.acquire()
            if self._is_closed:
                return
            self._hand_over(OutputBatch(lines.take(chunk), len(chunk)))
        self._hand_over(OutputBatch(lines.end(), 0))

    def _hand_over(self, item: OutputBatch | Exception | None) -> None:
        """Pass an item to the event loop, which may have ended once the stream is closed."""
        with self._lock:
            if not self._is_closed:
                self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)
