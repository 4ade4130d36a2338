"""Watching a new container until it may be called running."""

from dataclasses import dataclass

from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.errors import ContainerStartFailed, DockerUnavailable
from rtmanager.domain.lifecycle.container_actions import LOG_TAIL_LINES, ContainerActions
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_engine import ContainerEngine
from rtmanager.domain.ports.engine_probe import EngineProbe, ProbeAnswer

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Gate:
    """What a new container must show. Times in seconds; `timeout` 0 means one look.

    With `must_answer` a container that runs without answering fails; otherwise it passes when the
    time is up. `stays_up` is how long it must still be fine after its first healthy answer.
    """

    timeout: float
    must_answer: bool = False
    stays_up: float = 0.0


@dataclass(frozen=True, slots=True)
class Passed:
    """A passed gate: when the engine first answered, None when it has not answered yet."""

    answered_at: float | None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class HealthGate:
    """Holds a new container to a gate: it must not exit, and it may have to answer."""

    engine: ContainerEngine
    probe: EngineProbe
    clock: Clock

    async def watch(self, container_id: ContainerId, gate: Gate) -> Passed:
        """Return when the container has passed; raise ContainerStartFailed when it has failed."""
        began = self.clock.monotonic()
        while True:
            passed = await self._first_answer(container_id, gate, began)
            if passed.answered_at is None or not gate.stays_up:
                return passed
            await self.clock.sleep(gate.stays_up)
            answer = await self._look(container_id)
            if _is_healthy(answer):
                return passed
            if self.clock.monotonic() >= began + gate.timeout:
                return await self._time_is_up(container_id, gate, answer)

    async def _first_answer(self, container_id: ContainerId, gate: Gate, began: float) -> Passed:
        deadline, pause = began + gate.timeout, FIRST_PAUSE
        while True:
            answer = await self._look(container_id)
            if _is_healthy(answer):
                return Passed(self.clock.monotonic())
            if self.clock.monotonic() >= deadline:
                return await self._time_is_up(container_id, gate, answer)
            await self.clock.sleep(min(pause, max(deadline - self.clock.monotonic(), 0)))
            pause = min(pause * 1.5, LONGEST_PAUSE)

    async def _time_is_up(
        self, container_id: ContainerId, gate: Gate, answer: ProbeAnswer | DockerUnavailable
    ) -> Passed:
        if isinstance(answer, DockerUnavailable):
            raise answer
        if not gate.must_answer:
            return Passed(None, answer.error)
        raise ContainerStartFailed(
            f"the engine did not become healthy within {gate.timeout:g} s: {answer.error}",
            log_tail=await self.engine.logs(container_id, lines=LOG_TAIL_LINES),
        )

    async def _look(self, container_id: ContainerId) -> ProbeAnswer | DockerUnavailable:
        """Ask the engine once. A Docker that cannot be asked is no answer, and no exit either."""
        try:
            seen = await self.engine.inspect(container_id)
        except DockerUnavailable as error:
            return error
        if seen is None:
            raise ContainerStartFailed("the new container vanished while it started")
        if not seen.is_running:
            raise await ContainerActions(self.engine).start_failure(seen, _exit_words(seen))
        if seen.address is None:
            return ProbeAnswer(healthy=False, error="the container has no address yet")
        return await self.probe.check(seen.address)


def _is_healthy(answer: ProbeAnswer | DockerUnavailable) -> bool:
    return isinstance(answer, ProbeAnswer) and answer.healthy


def _exit_words(seen: ContainerDetails) -> str:
    oom = ", out of memory" if seen.oom_killed else ""
    return f"the engine exited with code {seen.exit_code}{oom} while it started"
