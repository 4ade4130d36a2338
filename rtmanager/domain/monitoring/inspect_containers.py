"""Inspecting running engines: Docker's own health check, restart count, and their nodes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.health_report import log_health_event
from rtmanager.domain.monitoring.report_out_of_reach import ReportOutOfReach
from rtmanager.domain.monitoring.running_engines import RunningEngines, WatchedEngine
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.health_log import Baseline, HealthLog, Watch

ENGINES_AT_ONCE = 8
IN_TURN = 20
"""Rounds in which every engine is inspected, whatever the list shows of it."""
CLOCK_SLACK = 2.0
"""Seconds by which Docker's count of an engine's time may differ from ours."""
UNHEALTHY = "unhealthy"


@dataclass(slots=True)
class InspectContainers:
    """Reports `inspect_unhealthy` when Docker's health check fails or the restart count grows.

    One list shows of most engines that neither can be news: their health is what it was, and they
    run for longer than since their last inspection. The others are inspected, and of those a few in
    turn, because a Docker elsewhere counts by a clock that may be set. All of them are inspected by
    a new process, and when the clock of this machine was set, by which a Docker on it counts.

    None of a Swarm's engines is inspected: Swarm shows neither, and has twenty thousand of them.
    """

    engines: RunningEngines
    host: ContainerHost
    health: HealthLog
    clock: Clock
    inspected: dict[ContainerId, float] = field(default_factory=dict)
    _clock_offset: float = field(default=0.0, init=False)

    async def run(self) -> str:
        """Inspect the engines that may have changed and return what did; empty when nothing did."""
        running = await self.engines.running()
        lost = await ReportOutOfReach(self.engines, self.health, self.clock).run(running)
        inspected = [each for each in running if each[1].placement is None]
        watched = await self.engines.watched(inspected, Watch.INSPECT)
        present = {each.container.id for each in watched}
        self.inspected = {key: at for key, at in self.inspected.items() if key in present}
        if self._clock_was_set():
            self.inspected.clear()
        due = [*self._due(watched, self.clock.monotonic())]
        results = await run_concurrently(due, self._inspect, limit=ENGINES_AT_ONCE)
        return "; ".join(filter(None, [*lost, *results.done]))

    def _clock_was_set(self) -> bool:
        """Return whether the time of day went another way than time since the last round."""
        before = self._clock_offset
        self._clock_offset = self.clock.now().timestamp() - self.clock.monotonic()
        return abs(self._clock_offset - before) > CLOCK_SLACK

    def _due(self, watched: Sequence[WatchedEngine], now: float) -> Iterator[WatchedEngine]:
        """Return those of which the list leaves open what has changed, and some of the others."""
        others = []
        for each in watched:
            if self._may_have_changed(each, now):
                yield each
            else:
                others.append(each)
        others.sort(key=lambda each: self.inspected[each.container.id])
        yield from others[: ceil(len(watched) / IN_TURN)]

    def _may_have_changed(self, watched: WatchedEngine, now: float) -> bool:
        shown, at = watched.container, self.inspected.get(watched.container.id)
        if at is None or shown.up_for is None:
            return True
        has_begun_since = shown.up_for <= now - at + CLOCK_SLACK
        return has_begun_since or watched.baseline.failing != (shown.health == UNHEALTHY)

    async def _inspect(self, watched: WatchedEngine) -> str:
        at = self.clock.monotonic()
        seen = await self.host.inspect(watched.container.id)
        if seen is None or not seen.is_running:
            return ""
        before = watched.baseline
        after = replace(before, failing=seen.health == UNHEALTHY, count=seen.restart_count)
        reason = _reason(before, after)
        event = self._event(watched, seen, reason) if reason else None
        if after != before and not await self.health.note(after, event):
            return ""
        self.inspected[seen.id] = at
        if event is not None:
            log_health_event(event)
        return f"{watched.game_id} is unhealthy: {reason}" if reason else ""

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
