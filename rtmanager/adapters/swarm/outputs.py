"""What the adapter needs of the output of engines."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from rtmanager.domain.container import ContainerId
from rtmanager.domain.container_output import OutputBatch, OutputRequest


class Outputs(Protocol):
    """The output of services' tasks, which the managers fetch from the nodes."""

    async def tail(self, container_id: ContainerId, lines: int) -> tuple[str, ...]:
        """Return the last lines, bounded; empty when there are none."""

    def read(
        self, container_id: ContainerId, wanted: OutputRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[OutputBatch]]:
        """Read the output for the block. Raises ContainerGone, TooManyReaders."""
