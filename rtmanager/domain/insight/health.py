"""The health of a game's engine as it was observed last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


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

    async def get(self, game_id: GameId) -> Health:
        """Return the health of one game; raise NotFound when it was never started."""
        record = await self.records.get(game_id)
        if record is None:
            raise NotFound
        return _health(record)

    async def list(self) -> Sequence[Health]:
        """Return the health of every game, ordered by game id."""
        return [_health(record) for record in await self.records.list()]


def _health(record: RuntimeRecord) -> Health:
    runs = record.status is RuntimeStatus.RUNNING
    return Health(
        game_id=record.game_id,
        container_id=record.current_container_id,
        state=HealthState.UNKNOWN if runs else HealthState.NOT_RUNNING,
    )
