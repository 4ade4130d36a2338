"""The health probe of an engine."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """An engine's answer to `/healthz`. `error` is empty when it is healthy.

    With `is_unknown` this process could not ask the engine (no descriptors left, for example), so
    its health is unknown.
    """

    healthy: bool
    error: str = ""
    is_unknown: bool = False


class EngineProbe(Protocol):
    """Probes `/healthz` of an engine."""

    async def check(self, address: str, *, within: float | None = None) -> ProbeAnswer:
        """Probe the engine at this container address once, within the probe's time limit.

        `within` is a shorter limit in seconds.

        Never raises for anything the engine or the network does: that is an unhealthy answer.
        """
