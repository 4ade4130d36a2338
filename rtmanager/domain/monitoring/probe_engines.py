"""Probing `/healthz` of every running engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType, HealthObservation
from rtmanager.domain.health_report import log_health_event
from rtmanager.domain.monitoring.running_engines import RunningEngines, WatchedEngine
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.engine_probe import EngineProbe, ProbeAnswer
from rtmanager.domain.ports.health_log import HealthLog, Watch

ENGINES_AT_ONCE = 32


@dataclass(slots=True)
class _Round:
    """One round: what was known of each game before, what has changed, who could not be asked."""

    known: Mapping[GameId, HealthObservation]
    changes: list[HealthObservation] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def note(self, answer: HealthObservation) -> None:
        """Keep the answer if it differs from the last one; `since` is when the state began."""
        before = self.known.get(answer.game_id)
        if answer.is_like(before):
            return
        if before is not None and before.is_same_state(answer):
            answer = replace(answer, since=before.since)
        self.changes.append(answer)


@dataclass(slots=True)
class ProbeEngines:
    """Reports `probe_failed` once after `threshold` misses in a row, then `probe_recovered` once.

    Misses are counted in memory and lost with the process, which only delays the event; what was
    reported is durable, so nothing is reported twice. An engine that this process could not probe
    has neither missed nor answered, and one on a node that is down is not asked. An answer is
    written only when it differs from the last one: a thousand healthy engines cost one row per
    round.
    """

    engines: RunningEngines
    probe: EngineProbe
    health: HealthLog
    clock: Clock
    threshold: int
    misses: dict[ContainerId, int] = field(default_factory=dict)

    async def run(self) -> str:
        """Probe all engines concurrently and return what changed; empty when nothing did.

        Raises ServiceUnavailable at the end when some could not be probed.
        """
        began_at = self.clock.now()
        watched = await self.engines.find(Watch.PROBE)
        present = {each.container.id for each in watched}
        self.misses = {key: count for key, count in self.misses.items() if key in present}
        this = _Round(await self.health.observations())

        async def probe(each: WatchedEngine) -> str:
            return await self._probe(this, each)

        results = await run_concurrently(watched, probe, limit=ENGINES_AT_ONCE)
        await self.health.observe(this.changes, round_at=began_at)
        news = "; ".join(filter(None, results.done))
        if this.unknown:
            raise ServiceUnavailable(_unasked(this.unknown, news))
        return news

    async def _probe(self, this: _Round, watched: WatchedEngine) -> str:
        if watched.container.is_out_of_reach:
            words = f"{watched.container.node_name} is down"
            answer = ProbeAnswer(healthy=False, error=words, is_unknown=True)
            this.note(self._observation(watched, answer))
            return ""
        answer = await self._ask(watched.container.address)
        news = ""
        if answer.is_unknown:
            this.unknown.append(answer.error)
        elif answer.healthy:
            news = await self._answered(watched)
        else:
            news = await self._missed(watched, answer)
        this.note(self._observation(watched, answer))
        return news

    async def _ask(self, address: str | None) -> ProbeAnswer:
        if address is None:
            return ProbeAnswer(healthy=False, error="the container has no address")
        return await self.probe.check(address)

    def _observation(self, watched: WatchedEngine, answer: ProbeAnswer) -> HealthObservation:
        now = self.clock.now()
        return HealthObservation(
            game_id=watched.game_id,
            container_id=watched.container.id,
            healthy=None if answer.is_unknown else answer.healthy,
            error=answer.error or None,
            since=now,
            checked_at=now,
            misses=self.misses.get(watched.container.id, 0),
        )

    async def _answered(self, watched: WatchedEngine) -> str:
        misses = self.misses.pop(watched.container.id, 0)
        if not watched.baseline.failing:
            return ""
        prior = max(misses, watched.baseline.count)
        event = self._event(watched, HealthEventType.PROBE_RECOVERED, {"prior_failures": prior})
        is_noted = await self.health.note(replace(watched.baseline, failing=False, count=0), event)
        if is_noted:
            log_health_event(event)
        return f"{watched.game_id} answers again after {prior} misses" if is_noted else ""

    async def _missed(self, watched: WatchedEngine, answer: ProbeAnswer) -> str:
        so_far = self.misses.get(watched.container.id, watched.baseline.count)
        misses = self.misses[watched.container.id] = so_far + 1
        if watched.baseline.failing or misses < self.threshold:
            return ""
        details = {"consecutive_failures": misses, "error": answer.error}
        event = self._event(watched, HealthEventType.PROBE_FAILED, details)
        is_noted = await self.health.note(
            replace(watched.baseline, failing=True, count=misses), event
        )
        if is_noted:
            log_health_event(event)
        return f"{watched.game_id} missed {misses} probes: {answer.error}" if is_noted else ""

    def _event(
        self, watched: WatchedEngine, event_type: HealthEventType, details: dict[str, object]
    ) -> HealthEvent:
        return HealthEvent(
            game_id=watched.game_id,
            container_id=watched.container.id,
            event_type=event_type,
            details=details,
            occurred_at=self.clock.now(),
        )


def _unasked(errors: list[str], news: str) -> str:
    """Return how many could not be probed and why, and what changed for the others."""
    sentence = f"{len(errors)} engines could not be asked: {errors[0]}"
    return f"{sentence} ({news})" if news else sentence
