"""The probes' handlers."""

from dataclasses import dataclass

from rtmanager.domain.monitoring.check_readiness import CheckReadiness
from rtmanager.handlers.asgi import JsonObject
from rtmanager.handlers.call import Call


@dataclass(frozen=True, slots=True)
class Probes:
    """Tell whether the process serves, and whether it can do its work."""

    readiness: CheckReadiness

    async def healthz(self, _: Call) -> JsonObject:
        """Say that the process serves; nothing else is asked."""
        return {"status": "ok"}

    async def readyz(self, _: Call) -> JsonObject:
        """Say that everything operations need is there."""
        await self.readiness.run()
        return {"status": "ready"}
