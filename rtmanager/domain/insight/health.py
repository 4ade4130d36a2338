"""The health of a game's engine as it was observed last."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.ports.engine_health import EngineHealth, KnownHealth
from rtmanager.domain.ports.health_log import Baseline, Watch
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

NOT_PROBED = "it was not probed yet"
UNHEALTHY_FOR_DOCKER = "Docker's own health check of the container fails"

_NOTHING = KnownHealth()


class HealthState(StrEnum):
    """The states (components/schemas/HealthState of the operator contract)."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    NOT_RUNNING = "not_running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known about an engine's health.

    `since` is when the state was first observed, `checked_at` when it was last confirmed.
    """

    game_id: GameId
    container_id: ContainerId | None
    state: HealthState
    since: datetime | None = None
    checked_at: datetime | None = None
    error: str | None = None
    consecutive_misses: int = 0
    last_event: HealthEvent | None = None


@dataclass(frozen=True, slots=True)
class ReadHealth:
    """Reads the health of engines, without asking them."""

    records: RuntimeRecords
    stored: EngineHealth

    async def get(self, game_id: GameId) -> Health:
        """Return the health of one game; raise NotFound when it was never started."""
        record = await self.records.get(game_id)
        if record is None:
            raise NotFound
        return await self.of_game(record)

    async def of_game(self, record: RuntimeRecord) -> Health:
        """Return the health of the game with this record."""
        return health_of(record, await self.stored.of(record.game_id))

    async def list(self) -> Sequence[Health]:
        """Return the health of every game, ordered by game id."""
        return await self.of(await self.records.list())

    async def of(self, records: Sequence[RuntimeRecord]) -> Sequence[Health]:
        """Return the health of the games with these records, in their order."""
        stored = await self.stored.all()
        return [health_of(record, stored.get(record.game_id, _NOTHING)) for record in records]


def health_of(record: RuntimeRecord, known: KnownHealth) -> Health:
    """Return the health of a game from its record and what is stored."""
    health = Health(
        game_id=record.game_id,
        container_id=record.current_container_id,
        state=HealthState.NOT_RUNNING,
        last_event=known.last_event,
    )
    if record.status is RuntimeStatus.STOPPED:
        return replace(health, since=record.stopped_at)
    if record.status is RuntimeStatus.REMOVED:
        return replace(health, since=record.removed_at)
    return _as_docker_sees_it(_as_it_answered(health, known), known)


def _as_it_answered(health: Health, known: KnownHealth) -> Health:
    """Add what the engine answered last, if that was this container."""
    seen = known.observation
    if seen is None or seen.container_id != health.container_id:
        return replace(health, state=HealthState.UNKNOWN, error=NOT_PROBED)
    states = {True: HealthState.HEALTHY, False: HealthState.UNHEALTHY}
    probe = _baseline(known, Watch.PROBE, health.container_id)
    reported = probe.count if probe and probe.failing else 0
    # Written on change only: an answer that is not unknown was confirmed by each round since.
    confirmed = known.probed_at if seen.healthy is not None else None
    return replace(
        health,
        state=HealthState.UNKNOWN if seen.healthy is None else states[seen.healthy],
        since=seen.since,
        checked_at=max(seen.checked_at, confirmed or seen.checked_at),
        error=seen.error,
        consecutive_misses=max(seen.misses, reported) if seen.healthy is False else 0,
    )


def _as_docker_sees_it(health: Health, known: KnownHealth) -> Health:
    """Count an engine as unhealthy that answers us but not Docker's own health check."""
    inspected = _baseline(known, Watch.INSPECT, health.container_id)
    if health.state is HealthState.UNHEALTHY or inspected is None or not inspected.failing:
        return health
    return replace(health, state=HealthState.UNHEALTHY, since=None, error=UNHEALTHY_FOR_DOCKER)


def _baseline(
    known: KnownHealth, watch: Watch, container_id: ContainerId | None
) -> Baseline | None:
    return next(
        (
            each
            for each in known.baselines
            if each.watch is watch and each.container_id == container_id
        ),
        None,
    )
