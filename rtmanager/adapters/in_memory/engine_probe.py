"""The engine probe port on an engine that lives in memory."""

from dataclasses import dataclass, field

from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.domain.ports.engine_probe import ProbeAnswer


@dataclass(frozen=True, kw_only=True)
class InMemoryEngineProbe:
    """Asks the container that has the address now, which may be another one than before.

    `unaskable` are addresses at which this process cannot ask at all, for want of descriptors.
    """

    docker: InMemoryDocker
    unaskable: set[str] = field(default_factory=set)
    gate: Gate = open_gate

    async def check(self, address: str) -> ProbeAnswer:
        """Ask the engine once."""
        await self.gate("probe.check")
        answer = self._answer(address)
        await self.gate("probe.check:done")
        return answer

    def _answer(self, address: str) -> ProbeAnswer:
        if address in self.unaskable:
            return ProbeAnswer(healthy=False, error="too many open files", is_unknown=True)
        container = self.docker.at_address(address)
        if container is None:
            return ProbeAnswer(healthy=False, error="connection refused")
        if not container.is_healthy(self.docker.clock.monotonic()):
            return ProbeAnswer(healthy=False, error=container.image.behaviour.unhealthy_words)
        return ProbeAnswer(healthy=True)
