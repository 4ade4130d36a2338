"""The container events port on a Swarm: what differs between two looks at its tasks."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rtmanager.adapters.docker.docker_json import parse_time
from rtmanager.adapters.swarm.api import ServiceGone, SwarmApi
from rtmanager.adapters.swarm.managers import Managers
from rtmanager.adapters.swarm.service_events import ServiceEvent, ServiceEvents
from rtmanager.adapters.swarm.task_changes import TaskChanges
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.container import GAME_ID_LABEL, KIND, KIND_LABEL, OWNER, OWNER_LABEL
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
    """Events of services with our labels, without those from before it listened.

    Swarm reports nothing of tasks, so they are looked at from time to time, and soon after a
    service was changed. It shows no signals and no lack of memory.
    """

    def __init__(self, api: SwarmApi, managers: Managers) -> None:
        self._api = api
        self._managers = managers

    async def now(self) -> float:
        """Return the answering manager's own time."""
        moment = parse_time(str((await self._api.info()).get("SystemTime", "")))
        if moment is None:
            raise DockerUnavailable("the Swarm manager did not report its time")
        return moment.timestamp()

    @asynccontextmanager
    async def listen(
        self,
        *,
        since: float | None,  # noqa: ARG002 - Swarm keeps none of the past
    ) -> AsyncIterator[AsyncIterator[ContainerEvent]]:
        """Follow events for the block, from now on."""
        start = await self.now()
        stream = ServiceEvents(self._managers.current, start)
        try:
            await stream.open()
            changes = await self._first_look()
            yield self._follow(_Subscription(stream, self._managers), changes)
        finally:
            stream.close()

    async def _first_look(self) -> TaskChanges:
        services = await self._api.services(label=_LABELLED)
        labels = {each["ID"]: each["Spec"].get("Labels") or {} for each in services}
        games = {
            one: found[GAME_ID_LABEL] for one, found in labels.items() if GAME_ID_LABEL in found
        }
        return TaskChanges(games, {task.id: task for task in await self._tasks()})

    async def _follow(
        self, subscription: "_Subscription", changes: TaskChanges
    ) -> AsyncIterator[ContainerEvent]:
        while True:
            began = time.monotonic()
            tasks = await self._tasks()
            for event in changes.to(tasks, time.time()):
                yield event
            took = time.monotonic() - began
            pause = min(max(_LEAST_PAUSE, _SHARE * took), _LONGEST_PAUSE)
            async for happened in subscription.during(pause, soon=max(_SOON, took)):
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
        return [Task.read(each) for each in await self._api.tasks(label=_LABELLED)]


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
