"""Stopping a service's task, and removing the service."""

from rtmanager.adapters.swarm import labels
from rtmanager.adapters.swarm.api import Json, ServiceGone, SwarmApi
from rtmanager.adapters.swarm.endings import Endings
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.adapters.swarm.service_changes import scaled, with_labels
from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.services import Services, refuse_out_of_reach
from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_host import (
    ContainerGone,
    ContainerRuns,
    DockerUnavailable,
    HostRefused,
)

_SWARM_SECONDS = 5.0
"""What Swarm itself takes besides the engine: it waits until the name has left all nodes' DNS."""


class Stops:
    """Stops services and removes them, each by the version that was read."""

    def __init__(
        self, api: SwarmApi, services: Services, endings: Endings, policy: SwarmPolicy
    ) -> None:
        self._api = api
        self._services = services
        self._endings = endings
        self._policy = policy

    async def stop(self, container: str) -> None:
        """Stop the container and wait until it has ended; no-op when it is not running."""
        before = await self._services.change(container, _halt)
        if not before.container().is_running:
            return
        limit = self._policy.stop_grace + self._policy.timeout + _SWARM_SECONDS
        ended = await self._endings.wait(before, limit=limit)
        try:
            await self._services.change(before.id, lambda view: _remember(view, ended))
        except (ContainerGone, DockerUnavailable, HostRefused):
            return  # what cannot be remembered is not known later: no reason to fail

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container, which must not run; no-op when it is gone."""
        try:
            await self._services.change(container_id, _mark)
            await self._api.remove_service(container_id)
        except (ContainerGone, ServiceGone):
            return


def _halt(view: ServiceView) -> Json | None:
    """Return the specification that stops the container, also before its task was seen."""
    refuse_out_of_reach(view)
    if not view.is_wanted or not view.container().is_running:
        return None
    if view.alive is not None and view.alive.is_given_up:
        # Swarm would forget the task at once, and nobody would know how long it runs on.
        raise DockerUnavailable(
            f"Swarm is ending container {view.id[:12]}, because its node suits it no more; whether "
            "it has ended is known within a minute or two"
        )
    about = {
        labels.STOPPING: view.alive.node if view.alive else None,
        labels.BEGUN_AT: view.end[labels.BEGUN_AT],
        labels.FINISHED_AT: view.now.isoformat(),
    }
    return scaled(with_labels(view, about), 0)


def _remember(view: ServiceView, ended: ServiceView) -> Json | None:
    """Return the specification with how the container has ended, unless it was started again."""
    if view.is_wanted or view.alive is not None or view.run != ended.run:
        return None
    seen = ended.last is not None and ended.last.has_ended
    return with_labels(view, ended.end if seen else {labels.STOPPING: None})


def _mark(view: ServiceView) -> Json | None:
    """Return the specification of a container that is being removed: nothing can start it."""
    if view.container().is_running:
        raise ContainerRuns(f"container {view.id[:12]} runs; stop the container before removing it")
    if view.is_marked_for_removal:
        return None
    return scaled(with_labels(view, {**view.end, labels.REMOVING: "yes"}), 0)
