"""Waiting until services' tasks have ended, and seeing how."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from rtmanager.adapters.swarm.api import SwarmApi
from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.services import Services, refuse_out_of_reach
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.concurrency import Renewal
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import HostSilent

_POLL_SECONDS = 0.08
"""Swarm shows how a task has ended for a quarter of a second before it forgets the task."""
_LOOK_SECONDS = 1.0
"""Time between two looks at the service and its node."""


@dataclass(slots=True, eq=False)
class _Watch:
    """A service that somebody waits for, and the newest that was seen of each of its tasks."""

    service: str
    tasks: dict[str, Task]

    def note(self, tasks: Iterable[Task]) -> None:
        self.tasks |= {each.id: each for each in tasks if each.service == self.service}

    @property
    def has_ended(self) -> bool:
        return all(each.has_ended for each in self.tasks.values())


class Endings:
    """Watches the tasks that Swarm is ending, of all services with one request.

    What a request shows is noted for all of them: those who look at their services at that moment
    would miss it.
    """

    def __init__(self, api: SwarmApi, services: Services, clock: Clock) -> None:
        self._api = api
        self._services = services
        self._clock = clock
        self._watches: set[_Watch] = set()
        self._being_ended = Renewal(self._read)

    async def close(self) -> None:
        """End the request under way."""
        await self._being_ended.close()

    async def wait(self, before: ServiceView, *, limit: float) -> ServiceView:
        """Wait until nothing of the service runs; return it with the last that was seen of it.

        Returns early when it is to run again or is gone. Raises HostSilent after `limit` seconds,
        and DockerUnavailable as soon as nobody can know.
        """
        watch = _Watch(before.id, {each.id: each for each in before.tasks})
        self._watches.add(watch)
        try:
            view = await self._ended(watch, limit)
        finally:
            self._watches.discard(watch)
        return replace(view or before, tasks=list(watch.tasks.values()))

    async def _ended(self, watch: _Watch, limit: float) -> ServiceView | None:
        until, look_at = self._clock.monotonic() + limit, 0.0
        while True:
            listed = await asyncio.shield(self._being_ended.begun_from_now())
            if look_at <= self._clock.monotonic() or watch.service not in listed or watch.has_ended:
                view = await self._services.view(watch.service)
                watch.note(view.tasks if view else ())
                if view is None or view.alive is None or view.is_wanted:
                    return view
                refuse_out_of_reach(view)
                look_at = self._clock.monotonic() + _LOOK_SECONDS
            if self._clock.monotonic() > until:
                raise HostSilent(f"container {watch.service[:12]} has not ended within {limit:g} s")
            await self._clock.sleep(_POLL_SECONDS)

    async def _read(self) -> Collection[str]:
        """Note what Swarm shows of the tasks that it is ending; return their services."""
        found = [Task.read(each) for each in await self._api.tasks(desired_state=["remove"])]
        for each in self._watches:
            each.note(found)
        return {each.service for each in found}
