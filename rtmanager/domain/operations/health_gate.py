"""Watching a new container until its engine counts as running."""

from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import DockerUnavailable, ErrorCode, ServiceUnavailable
from rtmanager.domain.operation import Cause
from rtmanager.domain.operations.observation import GateReading
from rtmanager.domain.operations.observer import out_of_reach, unanswered
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost, HostRefused
from rtmanager.domain.ports.engine_probe import EngineProbe, ProbeAnswer

AT_ONCE = 0.05
"""Seconds for an engine that has just started to answer before its gate is written ahead."""
FIRST_PAUSE = 0.005
MAX_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Gate:
    """The conditions for a new container. Times in seconds; `timeout` 0 means a single check.

    With `must_answer` a container that runs without answering fails; otherwise it passes when the
    time is up. `stays_up` is how long it must stay healthy after its first healthy answer.
    """

    timeout: float
    must_answer: bool = False
    stays_up: float = 0.0


_EXITED = ProbeAnswer(healthy=False, error="the engine does not run")

_Answer = ProbeAnswer | DockerUnavailable


@dataclass(frozen=True, slots=True)
class HealthGate:
    """Applies the gate to a new container: it must not exit, and may have to answer."""

    host: ContainerHost
    probe: EngineProbe
    clock: Clock

    async def ask_at_once(self, address: str | None, gate: Gate) -> GateReading | None:
        """Return the reading if the engine at this address answers already; never raises.

        None means that the gate has to be watched: the engine must stay healthy, or is to be asked
        only once. The caller has just observed the address, and observes the container again.
        """
        if address is None or gate.stays_up or not gate.timeout:
            return None
        answer = await self.probe.check(address, within=AT_ONCE)
        return _passed(self.clock.now()) if answer.healthy else None

    async def watch(self, container_id: ContainerId, gate: Gate) -> GateReading:
        """Return the reading once the gate is decided; an engine that exits fails immediately.

        Raises DockerUnavailable or ServiceUnavailable when the engine could not be probed before
        the timeout: the result is unknown.
        """
        deadline, pause = self.clock.monotonic() + gate.timeout, FIRST_PAUSE
        while True:
            # The last probe must start after the deadline: this process may have been suspended.
            is_last = self.clock.monotonic() >= deadline
            answer = await self._ask(container_id)
            answered_at = self.clock.now()
            if _is_healthy(answer) and gate.stays_up:
                await self.clock.sleep(gate.stays_up)
                is_last = self.clock.monotonic() >= deadline
                answer = await self._ask(container_id)
            if _is_healthy(answer):
                return _passed(answered_at)
            if answer is _EXITED:
                return _has_exited()
            if is_last:
                return _time_is_up(gate, answer)
            await self.clock.sleep(min(pause, max(0.0, deadline - self.clock.monotonic())))
            pause = min(pause * 1.5, MAX_PAUSE)

    async def _ask(self, container_id: ContainerId) -> _Answer:
        """Probe the engine once; an unreachable Docker is neither an answer nor an exit."""
        try:
            seen = await self.host.inspect(container_id)
        except (DockerUnavailable, HostRefused) as error:
            return unanswered(error)
        if seen is None or not seen.is_running:
            return _EXITED
        if unknown := out_of_reach(seen):
            return unknown
        if seen.address is None:
            return ProbeAnswer(healthy=False, error="the container has no address yet")
        return await self.probe.check(seen.address)


def _passed(answered_at: datetime) -> GateReading:
    return GateReading(answered_at=answered_at, note="healthy")


def _has_exited() -> GateReading:
    """Return the reading of an engine that has exited, whatever the next observation shows.

    Usually that shows how it ended; an engine that was started again by hand still fails.
    """
    words = "the engine exited while it was watched, and someone else started it again"
    failure = Cause(code=ErrorCode.CONTAINER_START_FAILED, message=words)
    return GateReading(failure=failure, note=_EXITED.error)


def _is_healthy(answer: _Answer) -> bool:
    return isinstance(answer, ProbeAnswer) and answer.healthy


def _time_is_up(gate: Gate, answer: _Answer) -> GateReading:
    if isinstance(answer, DockerUnavailable):
        raise answer
    if answer.is_unknown:
        raise ServiceUnavailable(f"the engine could not be asked: {answer.error}")
    if not gate.must_answer:
        within = f" within {gate.timeout:g} s" if gate.timeout else ""
        words = f"the engine runs, but has not answered /healthz{within}: {answer.error}"
        return GateReading(error=answer.error, note=words)
    words = f"the engine did not become healthy within {gate.timeout:g} s: {answer.error}"
    return GateReading(failure=Cause(code=ErrorCode.CONTAINER_START_FAILED, message=words))
