"""Waiting until services' tasks have ended, and seeing how."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

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


class Endings:
    """Watches the tasks that Swarm is ending, of all services with one request."""

    def __init__(self, api: SwarmApi, services: Services, clock: Clock) -> None:
        self._api = api
        self._services = services
        self._clock = clock
        self._being_ended = Renewal(self._read)

    async def close(self) -> None:
        """End the request under way."""
        await self._being_ended.close()

    async def wait(self, before: ServiceView, *, limit: float) -> ServiceView:
        """Wait until nothing of the service runs; return it with the last that was seen of it.

        Returns early when it is to run again or is gone. Raises HostSilent after `limit` seconds,
        and DockerUnavailable as soon as nobody can know.
        """
        until, look_at = self._clock.monotonic() + limit, 0.0
        seen: Sequence[Task] = ()
        while True:
            ending = await asyncio.shield(self._being_ended.begun_from_now())
            seen = [each for each in ending if each.service == before.id] or seen
            if look_at <= self._clock.monotonic() or all(each.has_ended for each in seen):
                view = await self._services.view(before.id)
                if view is None or view.alive is None or view.is_wanted:
                    return replace(view or before, tasks=seen or before.tasks)
                refuse_out_of_reach(view)
                look_at = self._clock.monotonic() + _LOOK_SECONDS
            if self._clock.monotonic() > until:
                raise HostSilent(f"container {before.id[:12]} has not ended within {limit:g} s")
            await self._clock.sleep(_POLL_SECONDS)

    async def _read(self) -> Sequence[Task]:
        return [Task.read(each) for each in await self._api.tasks(desired_state=["remove"])]
