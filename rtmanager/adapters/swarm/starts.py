"""Starting a service's task, and what Swarm says when it does not run."""

from collections.abc import Awaitable, Callable, Iterator

from rtmanager.adapters.swarm import labels
from rtmanager.adapters.swarm.api import Json
from rtmanager.adapters.swarm.endings import Endings
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.adapters.swarm.service_changes import in_run, scaled, with_labels
from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.services import Services, precedence, refuse_out_of_reach
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.container import ContainerId, ContainerStatus, ImageId, aside_name
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import (
    ContainerGone,
    ContainerRuns,
    ContainerStartFailed,
    DockerUnavailable,
    HostRefused,
    StartConfigInvalid,
)

Credentials = Callable[[ImageId], Awaitable[str | None]]

_POLL_SECONDS = 0.1
_NO_ROOM_SECONDS = 3.0
"""For how long no node may suit: an engine that was just stopped has its share back by then."""
_ERROR_LENGTH = 300
_NO_NODE = "no suitable node"
_CONFIGURATION = ("invalid mount config", "Range of CPUs", "Minimum memory limit")


class Starts:
    """Starts services, each by the version that was read, and waits until they run."""

    def __init__(
        self, services: Services, endings: Endings, clock: Clock, policy: SwarmPolicy
    ) -> None:
        self._services = services
        self._endings = endings
        self._clock = clock
        self._policy = policy

    async def start(self, container: str, credentials: Credentials | None = None) -> None:
        """Start the container; no-op when it runs, joins a start in progress.

        Nodes get the credentials of this moment: those it was created with may have expired.
        """
        found = await self._services.find(container)
        await self._claim_name(found)
        given = await credentials(found.container().image_id) if credentials else None
        before = await self._services.change(container, _begin, credentials=given)
        if before.status is ContainerStatus.RUNNING:
            return
        run = before.run if before.status is ContainerStatus.STARTING else before.run + 1
        try:
            await self._watch(before.id, run)
        except (ContainerStartFailed, StartConfigInvalid) as error:
            await self._withdraw(before.id, run, error)
            raise

    async def _claim_name(self, view: ServiceView) -> None:
        """Make sure that nobody starts another container of the same name.

        Swarm does not keep our names unique. Whoever has read another version of such a container
        can no longer start it once it has been given another name. Raises HostRefused when this is
        not the one that has the name.
        """
        for rival in await self._services.named(view.name):
            if rival.id == view.id or not rival.container().has_our_labels:
                continue
            if precedence(rival) > precedence(view):
                raise HostRefused(f"container {rival.id[:12]} has the name {view.name}")
            await self._set_aside(rival)

    async def _set_aside(self, rival: ServiceView) -> None:
        found = rival.container()
        name = aside_name(found.game_id or rival.id, found.fence or 0)

        def rename(view: ServiceView) -> Json | None:
            if view.container().is_running:
                raise ContainerRuns(f"container {view.id[:12]} has the name {view.name} and runs")
            is_rival = view.name == rival.name
            return with_labels(view, {labels.NAME: name}) if is_rival else None

        try:
            await self._services.change(rival.id, rename)
        except ContainerGone:
            return

    async def _watch(self, container: ContainerId, run: int) -> None:
        """Wait until the task of this start runs; raise the port's error when it will not."""
        waiting = _Waiting(self._clock, self._policy)
        while True:
            tasks = await self._services.tasks(container)
            task = max((each for each in tasks if each.run >= run), default=None)
            if task is not None and task.lacks_directory:
                raise await self._without_storage(task)
            if task is not None and _has_begun(task):
                return
            waiting.check(task)
            await self._clock.sleep(_POLL_SECONDS)

    async def _without_storage(self, task: Task) -> StartConfigInvalid:
        """Return the error for a node on which the games' storage is not mounted."""
        name = await self._services.node_name(task.node) if task.node else "?"
        return StartConfigInvalid(
            f"node {name} lacks the games' storage: {task.error}; mount it there, at the path that "
            "it has on every node, or drain the node"
        )

    async def _withdraw(self, container: str, run: int, error: RuntimeManagerError) -> None:
        """Take a start back that Swarm has refused, so that it cannot succeed later."""

        def back(view: ServiceView) -> Json | None:
            if view.run != run or not view.is_wanted:
                return None
            reason = error.message[:_ERROR_LENGTH]
            return scaled(with_labels(view, {labels.ERROR: reason}), 0)

        try:
            before = await self._services.change(container, back)
        except ContainerGone:
            return
        await self._endings.wait(before, limit=self._policy.timeout)


class _Waiting:
    """How long a start has been in its state, and whether that is too long."""

    def __init__(self, clock: Clock, policy: SwarmPolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._state = ""
        self._since = clock.monotonic()

    def check(self, task: Task | None) -> None:
        """Raise DockerUnavailable when nothing has happened for too long, or Swarm's refusal."""
        state = task.state if task else ""
        if state != self._state:
            self._state, self._since = state, self._clock.monotonic()
        waited = self._clock.monotonic() - self._since
        if task is not None and task.error.startswith(_NO_NODE) and waited >= _NO_ROOM_SECONDS:
            raise ContainerStartFailed(f"Swarm places the engine nowhere: {task.error}")
        is_pulling = state == "preparing"
        limit = self._policy.pull_timeout if is_pulling else self._policy.timeout
        if waited > limit:
            where = f"its task is {state}" if state else "it has no task"
            raise DockerUnavailable(f"the engine does not run yet: {where} since {limit:g} s")


def _begin(view: ServiceView) -> Json | None:
    """Return the specification that starts the container."""
    refuse_out_of_reach(view)
    if view.container().is_running:
        return None
    if view.is_marked_for_removal:
        raise ContainerStartFailed(f"container {view.id[:12]} is being removed")
    given: dict[str, str | None] = dict.fromkeys(labels.OF_ONE_RUN)
    given[labels.BEGUN_AT] = view.end[labels.BEGUN_AT]
    return in_run(scaled(with_labels(view, given), 1), view.run + 1)


def _has_begun(task: Task) -> bool:
    """Return whether the task runs or has run; raise the port's error when it never will."""
    if task.was_started:
        return True
    if not task.has_ended:
        return False
    reason = task.error or f"its task is {task.state}"
    kind = StartConfigInvalid if any(_faults(reason)) else ContainerStartFailed
    raise kind(reason)


def _faults(reason: str) -> Iterator[bool]:
    return (each in reason for each in _CONFIGURATION)
