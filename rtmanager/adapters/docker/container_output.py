"""Following a container's output on a real Docker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Semaphore
from typing import Any, Self

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.output_lines import OutputLines
from rtmanager.adapters.docker.thread_stream import ThreadStream
from rtmanager.domain.container_output import OutputBatch, OutputRequest
from rtmanager.domain.ports.container_host import TooManyReaders

READERS = 16
"""Outputs that are read at once, each in a thread of its own: none waits for an ordinary call."""
_CHUNK = 64 * 1024
_AHEAD = 4
"""Batches that are read before the caller takes them; then Docker has to wait, and the engine."""
_SILENCE = 600.0
"""Seconds that a followed engine may be silent: longer than anybody follows it."""


class OutputReaders:
    """Reads outputs, a few at once."""

    def __init__(self) -> None:
        self._readers = 0

    @asynccontextmanager
    async def read(
        self, client: DockerClient, path: str, wanted: OutputRequest
    ) -> AsyncIterator["OutputReader"]:
        """Read the output of what has its logs at this path of Docker's API for the block."""
        if self._readers >= READERS:
            raise TooManyReaders(
                f"{READERS} outputs of engines are being read already; end one of them, or try "
                "again later"
            )
        self._readers += 1
        stream = OutputReader(client, path, wanted)
        try:
            await stream.open()
            yield stream
        finally:
            stream.close()
            self._readers -= 1


class OutputReader(ThreadStream[OutputBatch]):
    """One output, which ends by itself or when somebody ends it."""

    name = "docker-output"
    not_begun = "sent no output"

    def __init__(self, client: DockerClient, path: str, wanted: OutputRequest) -> None:
        super().__init__(client)
        self._path = path
        self._wanted = wanted
        self._credit = Semaphore(_AHEAD)

    def close(self) -> None:
        """Close the connection, and let a thread go on that waits for its reader."""
        super().close()
        self._credit.release()

    def end(self) -> None:
        """End the output with what was read so far."""
        self._hand_over(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OutputBatch:
        batch = await self._next()
        if batch is None:
            raise StopAsyncIteration
        self._credit.release()
        return batch

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
            silence = _SILENCE if self._wanted.follow else api.timeout
            if self._keep(response.raw.connection, silence=silence):
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
        url = f"{api.base_url}/v{api.api_version}/{self._path}/logs"
        return api.get(url, params=query, stream=True, timeout=api.timeout)

    def _pass_on(self, response: Any) -> None:
        lines = OutputLines()
        # Docker sends each of its writes as a chunk, and none is waited for to fill another.
        for chunk in response.iter_content(_CHUNK):
            self._credit.acquire()
            if self._is_closed:
                return
            self._hand_over(OutputBatch(lines.take(chunk), len(chunk)))
        self._hand_over(OutputBatch(lines.end(), 0))
