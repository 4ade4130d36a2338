"""What single calls show besides their duration: pulls, waits for leases, health events, kills."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from signal import SIGKILL
from time import perf_counter
from typing import Any, cast

from rtmanager.domain.container import ContainerId, EngineImage
from rtmanager.domain.errors import ImagePullFailed, RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.operation import LeaseNumber
from rtmanager.domain.ports.container_host import ContainerHost, PullFault
from rtmanager.domain.ports.game_lease import NO_LEASE, GameLease, GameLeases, LeaseBusy
from rtmanager.domain.ports.health_log import Baseline, HealthLog
from rtmanager.telemetry import instruments

logger = logging.getLogger(__name__)

KILLED = 128 + SIGKILL
"""The exit code of a process that SIGKILL has ended."""

_FAULTS = {fault.value: fault.name.lower() for fault in PullFault}
_PULLED, _OTHER_FAULT, _UNAVAILABLE = "pulled", PullFault.OTHER.name.lower(), "docker_unavailable"


def observed_host(host: ContainerHost) -> ContainerHost:
    """Return the host with its pulls counted, and stops that ended in a kill logged."""
    return cast("ContainerHost", _ObservedHost(host))


def observed_leases(leases: GameLeases) -> GameLeases:
    """Return the leases with the waits for them timed."""
    return cast("GameLeases", _ObservedLeases(leases))


def observed_health(health: HealthLog) -> HealthLog:
    """Return the health log with its events counted."""
    return cast("HealthLog", _ObservedHealth(health))


class _ObservedHost:
    """Passes everything on, and looks at what pulls and stops came to."""

    def __init__(self, host: ContainerHost) -> None:
        self.wrapped = host
        for result in (_PULLED, _UNAVAILABLE, *_FAULTS.values()):
            instruments.pulls.add(0, {"result": result})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    async def pull(self, reference: ImageRef, *, progress: Callable[[str], None]) -> EngineImage:
        """Pull, and count the result."""
        began = perf_counter()
        try:
            image = await self.wrapped.pull(reference, progress=progress)
        except RuntimeManagerError as error:
            _count_pull(began, _result_of(error))
            raise
        _count_pull(began, _PULLED)
        return image

    async def stop(self, container: str, *, grace: int) -> None:
        """Stop; log it if the engine had to be killed."""
        began = perf_counter()
        await self.wrapped.stop(container, grace=grace)
        if perf_counter() - began >= grace:
            await self._log_kill(container, grace)

    async def _log_kill(self, container: str, grace: int) -> None:
        """Log that the engine did not end by itself, if Docker still shows how it ended."""
        try:
            seen = await self.wrapped.inspect(ContainerId(container))
        except RuntimeManagerError:
            return
        if seen is None or seen.is_running or seen.exit_code != KILLED:
            return
        about = {"game_id": seen.game_id, "container_id": seen.id, "exit_code": seen.exit_code}
        logger.warning("engine_killed_after_grace", extra=about | {"grace_seconds": grace})


def _result_of(error: RuntimeManagerError) -> str:
    if isinstance(error, ImagePullFailed):
        return _FAULTS.get(error.message, _OTHER_FAULT)
    return _UNAVAILABLE


def _count_pull(began: float, result: str) -> None:
    instruments.pulls.add(1, {"result": result})
    instruments.pull_duration.record(perf_counter() - began, {"result": result})


class _ObservedLeases:
    """Passes everything on, and times the waits."""

    def __init__(self, leases: GameLeases) -> None:
        self.wrapped = leases

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    @asynccontextmanager
    async def hold(
        self, game_id: GameId, *, wait: float, above: LeaseNumber = NO_LEASE
    ) -> AsyncIterator[GameLease]:
        """Hold the lease; time how long it took to get it, or not."""
        began, result = perf_counter(), "error"
        async with AsyncExitStack() as held:
            try:
                holding = self.wrapped.hold(game_id, wait=wait, above=above)
                lease = await held.enter_async_context(holding)
                result = "granted"
            except LeaseBusy:
                result = "busy"
                raise
            finally:
                instruments.lease_wait.record(perf_counter() - began, {"result": result})
            yield lease


class _ObservedHealth:
    """Passes everything on, and counts the events that were written."""

    def __init__(self, health: HealthLog) -> None:
        self.wrapped = health
        for event_type in HealthEventType:
            instruments.health_events.add(0, {"type": event_type})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    async def note(self, baseline: Baseline, event: HealthEvent | None = None) -> bool:
        """Write; count the event if it was not too late."""
        is_noted = await self.wrapped.note(baseline, event)
        if is_noted and event is not None:
            instruments.health_events.add(1, {"type": event.event_type})
        return is_noted
