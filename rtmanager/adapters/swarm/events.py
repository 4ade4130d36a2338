"""The container events port on a Swarm: what differs between two looks at its tasks."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from rtmanager.adapters.docker.docker_json import parse_time
from rtmanager.adapters.swarm.api import ServiceGone, SwarmApi
from rtmanager.adapters.swarm.managers import Managers
from rtmanager.adapters.swarm.service_events import ServiceEvent, ServiceEvents
from rtmanager.adapters.swarm.task_changes import TaskChanges
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.concurrency import in_slices
from rtmanager.domain.container import GAME_ID_LABEL, KIND, KIND_LABEL, OWNER, OWNER_LABEL
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.ports.container_host import DockerUnavailable

_LABELLED = (f"{OWNER_LABEL}={OWNER}", f"{KIND_LABEL}={KIND}")
_LEAST_PAUSE = 1.0
_SHARE = 5
"""How many times longer the pause after a look is than the look, which grows with the Swarm."""
_LONGEST_PAUSE = 15.0
_SOON = 0.3
"""Seconds until the look after a service was changed; others may be changed at the same time."""


class SwarmContainerEvents:
    """Events of services with our labels.

    Swarm reports nothing of tasks, so they are looked at from time to time, and soon after a
    service was changed. It shows no signals and no lack of memory.
    """

    def __init__(self, api: SwarmApi, managers: Managers) -> None:
        self._api = api
        self._managers = managers
        self._games: dict[str, str] = {}

    async def now(self) -> float:
        """Return the answering manager's own time."""
        moment = parse_time(str((await self._api.info()).get("SystemTime", "")))
        if moment is None:
            raise DockerUnavailable("the Swarm manager did not report its time")
        return moment.timestamp()

    @asynccontextmanager
    async def listen(self, *, since: float | None) -> AsyncIterator[AsyncIterator[ContainerEvent]]:
        """Follow events for the block, and those since then of which Swarm still shows anything."""
        now = await self.now()
        offset = now - time.monotonic()
        changes = TaskChanges(self._games, now if since is None else since)
        stream = ServiceEvents(self._managers.current, changes.since)
        try:
            await stream.open()
            await self._first_look(changes)
            found = self._follow(_Subscription(stream, self._managers), changes, offset)
            yield _EndsOnce(found)
        finally:
            stream.close()

    async def _first_look(self, changes: TaskChanges) -> None:
        """Learn all games, of those that were removed since the last time too."""
        for each in await self._api.services(label=_LABELLED):
            if (game_id := (each["Spec"].get("Labels") or {}).get(GAME_ID_LABEL)) is not None:
                self._games[each["ID"]] = game_id
        changes.begin(await self._tasks())

    async def _follow(
        self, subscription: "_Subscription", changes: TaskChanges, offset: float
    ) -> AsyncIterator[ContainerEvent]:
        while True:
            began = time.monotonic()
            tasks = await self._tasks()
            for event in changes.to(tasks, began + offset):
                yield event
            took = time.monotonic() - began
            pause = min(max(_LEAST_PAUSE, _SHARE * took), _LONGEST_PAUSE)
            soon = min(max(_SOON, _SHARE * took), pause)
            async for happened in subscription.during(pause, soon=soon):
                await self._learn(happened, changes)
                if happened.action == "remove":
                    for event in changes.removed(happened.service, happened.at):
                        yield event

    async def _learn(self, happened: ServiceEvent, changes: TaskChanges) -> None:
        """Learn the game of a service that was created: once it is removed, nobody knows it."""
        if happened.action != "create":
            return
        try:
            found = await self._api.service(happened.service)
        except ServiceGone:
            return
        labels = found["Spec"].get("Labels") or {}
        is_ours = labels.get(OWNER_LABEL) == OWNER and labels.get(KIND_LABEL) == KIND
        if is_ours and GAME_ID_LABEL in labels:
            changes.games[happened.service] = labels[GAME_ID_LABEL]

    async def _tasks(self) -> list[Task]:
        return await in_slices(await self._api.tasks(label=_LABELLED), Task.read)


class _Subscription:
    """The service events of one manager, as long as that one answers."""

    def __init__(self, stream: ServiceEvents, managers: Managers) -> None:
        self._stream = stream
        self._managers = managers
        self._manager = managers.current

    async def during(self, pause: float, *, soon: float) -> AsyncIterator[ServiceEvent]:
        """Yield events until the pause is over, or `soon` after the first.

        Raises DockerUnavailable when another manager answers by now: what this one sends may end.
        """
        until = time.monotonic() + pause
        while (left := until - time.monotonic()) > 0:
            event = await self._stream.within(left)
            if self._managers.current is not self._manager:
                raise DockerUnavailable("another Swarm manager answers now")
            if event is None:
                return
            until = min(until, time.monotonic() + soon)
            yield event


class _EndsOnce:
    """Events whose end stays the end: reading on raises the same error again."""

    def __init__(self, events: AsyncIterator[ContainerEvent]) -> None:
        self._events = events
        self._error: RuntimeManagerError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ContainerEvent:
        if self._error is not None:
            raise self._error
        try:
            return await anext(self._events)
        except RuntimeManagerError as error:
            self._error = error
            raise
