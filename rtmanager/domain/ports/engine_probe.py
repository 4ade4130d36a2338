"""Asking an engine how it is."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What an engine's `/healthz` said. `error` is empty when it is healthy."""

    healthy: bool
    error: str = ""


class EngineProbe(Protocol):
    """Asks `/healthz` of one engine."""

    async def check(self, address: str) -> ProbeAnswer:
        """Ask the engine at this container address, once, within the probe's time limit.

        Never raises for anything the engine or the network does: that is an unhealthy answer.
        """
