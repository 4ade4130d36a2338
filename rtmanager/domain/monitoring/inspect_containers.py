"""Looking at what Docker itself thinks of every running engine."""

from dataclasses import dataclass, replace

from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.monitoring.running_engines import RunningEngines, WatchedEngine
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.health_log import Baseline, HealthLog, Watch
from rtmanager.domain.side_by_side import side_by_side

ENGINES_AT_ONCE = 8
UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class InspectContainers:
    """Tells `inspect_unhealthy` once when Docker's health turns bad or the restart count grows."""

    engines: RunningEngines
    host: ContainerHost
    health: HealthLog
    clock: Clock

    async def run(self) -> str:
        """Inspect all engines and say what has changed; empty when nothing has."""
        watched = await self.engines.find(Watch.INSPECT)
        results = await side_by_side(watched, self._inspect, at_once=ENGINES_AT_ONCE)
        return "; ".join(filter(None, results.done))

    async def _inspect(self, watched: WatchedEngine) -> str:
        seen = await self.host.inspect(watched.container.id)
        if seen is None or not seen.is_running:
            return ""
        before = watched.baseline
        after = replace(before, failing=seen.health == UNHEALTHY, count=seen.restart_count)
        if after == before:
            return ""
        reason = _reason(before, after)
        told = await self.health.note(after, self._event(watched, seen, reason) if reason else None)
        return f"{watched.game_id} is unhealthy: {reason}" if reason and told else ""

    def _event(self, watched: WatchedEngine, seen: ContainerDetails, reason: str) -> HealthEvent:
        return HealthEvent(
            game_id=watched.game_id,
            container_id=seen.id,
            event_type=HealthEventType.INSPECT_UNHEALTHY,
            details={
                "reason": reason,
                "restart_count": seen.restart_count,
                "state": seen.status.value,
                "health": seen.health or "none",
            },
            occurred_at=self.clock.now(),
        )


def _reason(before: Baseline, after: Baseline) -> str:
    """Say what got worse; empty when nothing did."""
    if after.count > before.count:
        return f"the restart count grew from {before.count} to {after.count}"
    if after.failing and not before.failing:
        return "Docker's health check fails"
    return ""
