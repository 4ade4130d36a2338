"""Faults that a call at a port meets: lost requests, lost replies, services that are cut off."""

from collections import deque
from typing import TYPE_CHECKING

from rtmanager.domain.errors import (
    ContainerStartFailed,
    DockerUnavailable,
    ImagePullFailed,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.ports.container_engine import EngineRefused
from tests.simulation.scheduler import Parked

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

DOCKER, POSTGRES, REDIS = "docker", "postgres", "redis"

_SERVICES = {
    "engine": DOCKER,
    "events": DOCKER,
    "leadership": POSTGRES,
    "outbox": POSTGRES,
    "store": POSTGRES,
    "records": POSTGRES,
    "health": POSTGRES,
    "lease": REDIS,
    "jobs": REDIS,
    "publisher": REDIS,
}

_SPECIAL: dict[str, type[RuntimeManagerError]] = {
    "engine.start": ContainerStartFailed,
    "engine.pull": ImagePullFailed,
}


class Faults:
    """Decides what the task meets that the scheduler has chosen.

    Before the effect a fault is a call that never arrived; after it, a reply that was lost.
    """

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._strikes: deque[tuple[str, int]] = deque()
        self._cut: list[str] = []

    def strike_next(self, wanted: str, variety: int) -> None:
        """Let the next call whose name contains `wanted` meet a fault."""
        self._strikes.append((wanted, variety))

    def cut(self, service: str) -> None:
        """Make a service unreachable for everyone: locks and renewals go with connections."""
        self._cut.append(service)
        if service == POSTGRES:
            self._universe.store.outbox_table.cut_off()
        if service == REDIS:
            for process in self._universe.live:
                process.stall_leases()

    def restore(self, service: str) -> None:
        """Make a service reachable again."""
        self._cut.remove(service)
        if service not in self._cut and service == REDIS:
            for process in self._universe.live:
                process.resume_leases()

    @property
    def redis_is_cut(self) -> bool:
        """Tell whether no renewal arrives."""
        return REDIS in self._cut

    def forget(self) -> None:
        """Let no fault happen that has not happened yet."""
        self._strikes.clear()

    def strike(self, parked: Parked) -> BaseException | None:
        """Return what the chosen call meets; None when it goes well."""
        call = parked.call
        service = _SERVICES.get(call.partition(".")[0])
        if service is None:
            return None
        if service in self._cut:
            return _error(service, call, 0)
        if self._strikes and self._strikes[0][0] in call:
            return _error(service, call, self._strikes.popleft()[1])
        return None


def _error(service: str, call: str, variety: int) -> RuntimeManagerError:
    if service != DOCKER:
        return ServiceUnavailable(f"simulated: {call}")
    if variety == 1:
        return EngineRefused(f"simulated: {call}")
    special = _SPECIAL.get(call.removesuffix(":done"))
    if variety == 2 and special is not None:
        return special(f"simulated: {call}")
    return DockerUnavailable(f"simulated: {call}")
