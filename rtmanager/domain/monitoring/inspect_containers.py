"""Inspecting every running engine: Docker's own health check and restart count."""

from dataclasses import dataclass, replace

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.health_report import log_health_event
from rtmanager.domain.monitoring.running_engines import RunningEngines, WatchedEngine
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.health_log import Baseline, HealthLog, Watch

ENGINES_AT_ONCE = 8
UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class InspectContainers:
    """Reports `inspect_unhealthy` when Docker's health check fails or the restart count grows."""

    engines: RunningEngines
    host: ContainerHost
    health: HealthLog
    clock: Clock

    async def run(self) -> str:
        """Inspect all engines and return what changed; empty when nothing did."""
        watched = await self.engines.find(Watch.INSPECT)
        results = await run_concurrently(watched, self._inspect, limit=ENGINES_AT_ONCE)
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
        event = self._event(watched, seen, reason) if reason else None
        is_noted = await self.health.note(after, event)
        if event is not None and is_noted:
            log_health_event(event)
        return f"{watched.game_id} is unhealthy: {reason}" if reason and is_noted else ""

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
    """Describe what got worse; empty when nothing did."""
    if after.count > before.count:
        return f"the restart count grew from {before.count} to {after.count}"
    if after.failing and not before.failing:
        return "Docker's health check fails"
    return ""
