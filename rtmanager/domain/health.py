"""Health observations of engines: what is told to others and kept as the latest snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.game_id import GameId


class HealthEventType(StrEnum):
    """The types of health events (DESIGN section 6)."""

    CONTAINER_STARTED = "container_started"
    CONTAINER_EXITED = "container_exited"
    CONTAINER_OOM = "container_oom"
    CONTAINER_DISAPPEARED = "container_disappeared"
    INSPECT_UNHEALTHY = "inspect_unhealthy"
    PROBE_FAILED = "probe_failed"
    PROBE_RECOVERED = "probe_recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEvent:
    """One observation of one engine. `details` is closed per type (DESIGN section 6)."""

    game_id: GameId
    container_id: ContainerId
    event_type: HealthEventType
    details: Mapping[str, object]
    occurred_at: datetime


def started_event(container: ContainerDetails, *, game_id: GameId, at: datetime) -> HealthEvent:
    """Return the event of an engine that runs, started or adopted; its time is the container's."""
    return HealthEvent(
        game_id=game_id,
        container_id=container.id,
        event_type=HealthEventType.CONTAINER_STARTED,
        details={"image_ref": container.image_ref or ""},
        occurred_at=container.started_at or at,
    )
