"""Reporting engines of which nobody knows whether they run, because their node is down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rtmanager.domain.container import ContainerStatus, EngineContainer
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.health_report import log_health_event
from rtmanager.domain.monitoring.running_engines import RunningEngines, WatchedEngine
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.health_log import HealthLog, Watch

REASON = "node_down"


@dataclass(frozen=True, slots=True)
class ReportOutOfReach:
    """Reports `inspect_unhealthy` once per engine and outage of its node.

    What was reported is durable: a restart of this service repeats nothing.
    """

    engines: RunningEngines
    health: HealthLog
    clock: Clock

    async def run(self, running: Sequence[tuple[GameId, EngineContainer]]) -> list[str]:
        """Report those that are new among these engines; return a sentence for each."""
        placed = [each for each in running if each[1].placement is not None]
        if not placed:
            return []  # a single Docker host
        watched = await self.engines.watched(placed, Watch.NODE)
        changed = (each for each in watched if _is_down(each) != each.baseline.failing)
        return [sentence for each in changed if (sentence := await self._note(each))]

    async def _note(self, watched: WatchedEngine) -> str:
        """Keep that the node is down or back; only the first is an event."""
        is_down, event = _is_down(watched), None
        if is_down:
            event = self._event(watched)
        after = replace(watched.baseline, failing=is_down)
        if not await self.health.note(after, event) or event is None:
            return ""
        log_health_event(event)
        return f"{watched.game_id} is out of reach: {watched.container.node_name} is down"

    def _event(self, watched: WatchedEngine) -> HealthEvent:
        """Return the event; its state is what was last seen, and nothing was ever restarted."""
        return HealthEvent(
            game_id=watched.game_id,
            container_id=watched.container.id,
            event_type=HealthEventType.INSPECT_UNHEALTHY,
            details={
                "reason": REASON,
                "restart_count": 0,
                "state": ContainerStatus.RUNNING.value,
                "health": watched.container.health or "none",
            },
            occurred_at=self.clock.now(),
        )


def _is_down(watched: WatchedEngine) -> bool:
    return watched.container.is_out_of_reach
