"""The output of services' tasks, which a manager fetches from their nodes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from rtmanager.adapters.docker.container_logs import read_tail
from rtmanager.adapters.docker.container_output import OutputReader, OutputReaders
from rtmanager.adapters.swarm.api import ServiceGone, SwarmApi
from rtmanager.adapters.swarm.managers import Managers
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.container import ContainerId
from rtmanager.domain.container_output import OutputBatch, OutputRequest
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.container_host import ContainerGone

TAIL_SECONDS = 3.0
"""For how long the last lines of an engine are waited for: less than for what has an effect."""
_LOOK_SECONDS = 1.0
"""Time between two looks at the task of a followed output, which Swarm never ends."""


class ServiceOutputs:
    """Reads the output of the last task: that of the ones before, and after a stop, is gone."""

    def __init__(self, api: SwarmApi, managers: Managers) -> None:
        self._api = api
        self._managers = managers
        self._readers = OutputReaders()

    async def tail(self, container_id: ContainerId, lines: int) -> tuple[str, ...]:
        """Return the last lines; empty when there is no task that has begun."""
        try:
            task = await self._last_task(container_id)
        except ServiceGone:
            return ()
        if task is None:
            return ()
        return await self._managers.current.call(
            lambda api: read_tail(api, f"tasks/{task.id}", lines),
            deadline=min(TAIL_SECONDS, self._managers.timeout),
        )

    def read(
        self, container_id: ContainerId, wanted: OutputRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[OutputBatch]]:
        """Read the output for the block."""
        return self._read(container_id, wanted)

    @asynccontextmanager
    async def _read(
        self, container_id: ContainerId, wanted: OutputRequest
    ) -> AsyncIterator[AsyncIterator[OutputBatch]]:
        try:
            task = await self._last_task(container_id)
        except ServiceGone as error:
            raise ContainerGone(error.message) from error
        if task is None:
            yield _nothing()
            return
        asked = replace(wanted, follow=wanted.follow and not task.has_ended)
        client = self._managers.current
        async with self._readers.read(client, f"tasks/{task.id}", asked) as reader:
            if not asked.follow:
                yield reader
                return
            watching = asyncio.create_task(self._end(reader, task), name="output-end")
            try:
                yield reader
            finally:
                watching.cancel()

    async def _last_task(self, container_id: ContainerId) -> Task | None:
        """Return the newest task that has a container; a manager knows no output of others."""
        tasks = map(Task.read, await self._api.tasks(service=[container_id]))
        return max((each for each in tasks if each.container is not None), default=None)

    async def _end(self, reader: OutputReader, followed: Task) -> None:
        """End the output once the task has ended, a while later: its last lines may be on the way.

        Lets it go on while no manager answers.
        """
        while await self._lives(followed):  # noqa: ASYNC110 - Swarm sends no notice
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(_LOOK_SECONDS)
        reader.end()

    async def _lives(self, followed: Task) -> bool:
        try:
            tasks = await self._api.tasks(service=[followed.service])
        except ServiceGone:
            return False
        except RuntimeManagerError:
            return True
        found = (Task.read(each) for each in tasks if each["ID"] == followed.id)
        return any(not each.has_ended for each in found)


async def _nothing() -> AsyncIterator[OutputBatch]:
    """Yield no output."""
    none: tuple[OutputBatch, ...] = ()
    for batch in none:
        yield batch
