"""Reading an engine's output, within bounds, and saying why it ends."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rtmanager.domain.container import ContainerDetails, ContainerId, EngineContainer
from rtmanager.domain.container_output import OutputBatch, OutputLine, OutputRequest, OutputStream
from rtmanager.domain.errors import NotFound, RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.exit_words import exit_words
from rtmanager.domain.installation import Installation
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerGone, ContainerHost
from rtmanager.domain.ports.runtime_records import RuntimeRecords

MAX_SECONDS = 300.0
MAX_SIZE = 4 << 20
"""Bytes of text that one answer has at most."""
MAX_READ = 64 << 20
"""Bytes that are read for it at most, of which most may be the rest of lines that are cut."""
POLL = 0.5
"""Seconds after which a stream notices that the service stops."""
_OVERHEAD = 80
"""Bytes that a line costs besides its text, in either format."""

NO_CONTAINER = (
    "the game has no container, so there is no output; the last lines of an engine that ended are "
    "in its explanation"
)


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """The output of one container, in parts that are sent as they come."""

    container_id: ContainerId
    parts: AsyncIterator[Sequence[OutputLine]]


@dataclass(slots=True)
class ReadLogs:
    """Reads the output of a game's engine: of the one that runs, or of the last one that did."""

    records: RuntimeRecords
    host: ContainerHost
    installation: Installation
    clock: Clock
    _are_released: bool = field(default=False, init=False)

    def release(self) -> None:
        """Let nobody follow any more, because the service is about to stop."""
        self._are_released = True

    @asynccontextmanager
    async def open(self, game_id: GameId, wanted: OutputRequest) -> AsyncIterator[EngineOutput]:
        """Read the output for the block.

        Raises NotFound when the game has no container, DockerUnavailable, ServiceUnavailable when
        too many others are reading.
        """
        container_id = await self._container_of(game_id)
        try:
            async with self.host.output(container_id, wanted) as batches:
                part = self._followed if wanted.follow else self._newest
                yield EngineOutput(container_id, part(container_id, batches))
        except ContainerGone:
            raise NotFound(NO_CONTAINER) from None

    async def _container_of(self, game_id: GameId) -> ContainerId:
        """Return the container that runs, or else the record's, or else our newest of the game."""
        record = await self.records.get(game_id)
        listed = await self.host.containers_of(game_id)
        ours = self.installation.own(listed, record=record, operation=None)
        current_id = record.current_container_id if record else None
        found = max(ours, key=lambda each: _rank(each, current_id), default=None)
        if found is None:
            raise NotFound(NO_CONTAINER)
        return found.id

    async def _newest(
        self, _: ContainerId, batches: AsyncIterator[OutputBatch]
    ) -> AsyncIterator[Sequence[OutputLine]]:
        """Yield the newest lines that fit, in parts that the event loop encodes quickly."""
        lines: deque[OutputLine] = deque()
        size = read = 0
        async for batch in batches:
            read += batch.size
            for line in batch.lines:
                lines.append(line)
                size += _size(line)
            while size > MAX_SIZE:
                size -= _size(lines.popleft())
            if read > MAX_READ:
                break
        while lines:
            yield [lines.popleft() for _ in range(min(len(lines), 500))]

    async def _followed(
        self, container_id: ContainerId, batches: AsyncIterator[OutputBatch]
    ) -> AsyncIterator[Sequence[OutputLine]]:
        """Yield lines as they come, and at the end a remark on why it ends."""
        until, size, read = self.clock.monotonic() + MAX_SECONDS, 0, 0
        while True:
            batch = await self._next(batches, until)
            if isinstance(batch, str):
                yield [self._remark(batch or await self._end_of(container_id))]
                return
            size, read = size + sum(map(_size, batch.lines)), read + batch.size
            yield batch.lines
            if size > MAX_SIZE:
                yield [self._remark("4 MiB were sent; ask again for what follows")]
                return
            if read > MAX_READ:
                yield [self._remark("the engine writes too much to follow it; ask again")]
                return

    async def _next(self, batches: AsyncIterator[OutputBatch], until: float) -> OutputBatch | str:
        """Return the next batch, or why there is none: empty if the output has ended."""
        coming = asyncio.ensure_future(_next_or_none(batches))
        try:
            while not coming.done():
                if self._are_released:
                    return "the service stops; ask again"
                if self.clock.monotonic() >= until:
                    return f"{MAX_SECONDS / 60:g} minutes are over; ask again for what follows"
                await self._pause(coming)
            return coming.result() or ""
        except RuntimeManagerError as error:
            return f"the connection to Docker was lost: {error.message}"
        finally:
            coming.cancel()
            await asyncio.wait([coming])
            coming.cancelled() or coming.exception()  # retrieved, or asyncio would warn

    async def _pause(self, coming: "asyncio.Future[OutputBatch | None]") -> None:
        """Wait for what is coming, or for a moment."""
        pause = asyncio.ensure_future(self.clock.sleep(POLL))
        waits: list[asyncio.Future[Any]] = [coming, pause]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()

    async def _end_of(self, container_id: ContainerId) -> str:
        """Return how the engine has ended, for a remark."""
        try:
            return _end(await self.host.inspect(container_id))
        except RuntimeManagerError as error:
            return f"the output has ended, and Docker does not say why: {error.message}"

    def _remark(self, text: str) -> OutputLine:
        return OutputLine(self.clock.now(), OutputStream.SERVICE, text)


async def _next_or_none(batches: AsyncIterator[OutputBatch]) -> OutputBatch | None:
    return await anext(batches, None)


def _rank(
    container: EngineContainer, current_id: ContainerId | None
) -> tuple[bool, bool, datetime]:
    return container.is_running, container.id == current_id, container.created_at


def _size(line: OutputLine) -> int:
    return len(line.text.encode()) + _OVERHEAD


def _end(seen: ContainerDetails | None) -> str:
    if seen is None or seen.is_being_removed:
        return "the container was removed"
    if seen.is_running:
        return "Docker ended the output although the engine runs; ask again"
    if seen.is_lost:
        return f"the engine was lost with {seen.node_name}"
    return f"the engine {exit_words(seen.exit_code, oom_killed=seen.oom_killed)}"
