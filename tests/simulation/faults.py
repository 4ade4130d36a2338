"""Fault injection: lost calls and replies, refusals, late effects, services that are cut off."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.docker_effects import (
    LOSE_CALL,
    LOSE_REPLY,
    NORMAL,
    REFUSE_AFTER,
    REFUSE_BEFORE,
    Fate,
    late,
)
from rtmanager.domain.errors import DockerUnavailable, RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.ports.container_host import HostRefused
from tests.simulation.scheduler import Parked

if TYPE_CHECKING:
    from tests.simulation.environment import Environment

DOCKER, POSTGRES, REDIS = "docker", "postgres", "redis"

_SERVICES = {
    "host": DOCKER,
    "events": DOCKER,
    "swarm": DOCKER,
    "leadership": POSTGRES,
    "outbox": POSTGRES,
    "store": POSTGRES,
    "records": POSTGRES,
    "health": POSTGRES,
    "lease": REDIS,
    "jobs": REDIS,
    "publisher": REDIS,
}

FATES: Mapping[str, Callable[[float], Fate]] = {
    "normal": lambda _: NORMAL,
    "lose_reply": lambda _: LOSE_REPLY,
    "lose_call": lambda _: LOSE_CALL,
    "late": late,
    "refuse_before": lambda _: REFUSE_BEFORE,
    "refuse_after": lambda _: REFUSE_AFTER,
}
_WORDS = {
    "normal": "took effect",
    "lose_reply": "reply lost by Docker",
    "lose_call": "call lost by Docker",
    "late": "took effect late",
    "refuse_before": "refused",
    "refuse_after": "refused after its effect",
}
REFUSALS = {"refuse_before", "refuse_after"}


class Faults:
    """Decides which fault a call meets.

    A fault at a port before the effect is a call that never arrived; after the effect, a reply that
    was lost. A call that changes something in Docker also has a fate there.
    """

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._failing: list[tuple[str, int]] = []
        self._fates: list[tuple[str, str, float]] = []
        self._refused: list[str] = []
        self._cut: list[str] = []

    def fail_next(self, wanted: str, variety: int) -> None:
        """Let the next call whose name contains `wanted` fail; variety 1 is a refusal."""
        self._failing.append((wanted, variety))

    def decide_next(self, wanted: str, fate: str, seconds: float) -> None:
        """Set the fate of the next changing call to Docker of this name, or of any."""
        self._fates.append((wanted, fate, seconds))

    def refuse_all(self, call: str) -> None:
        """Let Docker refuse every call of this name from now on."""
        self._refused.append(call)

    def refuse_no_more(self, call: str) -> None:
        """Let Docker accept the call again."""
        if call in self._refused:
            self._refused.remove(call)

    def cut(self, service: str) -> None:
        """Make a service unreachable for everyone; locks and renewals are lost with connections."""
        self._cut.append(service)
        if service == DOCKER:
            self._environment.docker.reachable = False
        if service == POSTGRES:
            self._environment.store.outbox_table.cut_off()
        if service == REDIS:
            for process in self._environment.alive:
                process.stall_leases()

    def restore(self, service: str) -> None:
        """Make a service reachable again."""
        self._cut.remove(service)
        if service in self._cut:
            return
        if service == DOCKER:
            self._environment.docker.reachable = True
        if service == REDIS:
            for process in self._environment.alive:
                process.resume_leases()

    @property
    def redis_is_cut(self) -> bool:
        """Return whether no renewal arrives."""
        return REDIS in self._cut

    def forget(self) -> None:
        """Cancel every fault that has not happened yet."""
        self._failing.clear()
        self._fates.clear()
        self._refused.clear()

    def fault_of(self, parked: Parked) -> BaseException | None:
        """Return the fault that the chosen call meets at its port; None if it meets none."""
        if not self._failing and not self._cut:
            return None
        call = parked.call
        service = _SERVICES.get(call.partition(".")[0])
        if service is None:
            return None
        if service in self._cut:
            self._environment.tally.lost(f"{service} cut off", call)
            return _error(service, call, 0)
        hit = next((each for each in self._failing if each[0] in call), None)
        if hit is None:
            return None
        self._failing.remove(hit)
        self._environment.tally.lost(f"lost at {service}", call)
        return _error(service, call, hit[1])

    def fate_of(self, call: str, container: str) -> Fate:
        """Return the fate of a changing call to Docker."""
        self._environment.invariants.calls.sent(call, container)
        return self.request_fate(call, container)

    def request_fate(self, call: str, container: str) -> Fate:
        """Return the fate of a changing request, to a Docker or to the managers of a Swarm."""
        if call in self._refused:
            self._environment.tally.note("always refused", call)
            return REFUSE_BEFORE
        hit = next((each for each in self._fates if each[0] in {"", call}), None)
        if hit is None:
            return NORMAL
        self._fates.remove(hit)
        self._environment.tally.note(_WORDS[hit[1]], call)
        self._environment.scheduler.note(f"!! {hit[1]} {hit[2]:g}: {call} {container}")
        return FATES[hit[1]](hit[2])


def _error(service: str, call: str, variety: int) -> RuntimeManagerError:
    if service != DOCKER:
        return ServiceUnavailable(f"simulated: {call}")
    if variety == 1:
        return HostRefused(f"simulated: {call}")
    return DockerUnavailable(f"simulated: {call}")
