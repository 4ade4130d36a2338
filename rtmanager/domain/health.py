"""The health of engines: events, published, and observations, kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from rtmanager.domain.texts import printable_details, printable_or_none


class HealthEventType(StrEnum):
    """The types of health events, as in spec/runtime-streams-asyncapi.yaml."""

    CONTAINER_STARTED = "container_started"
    CONTAINER_EXITED = "container_exited"
    CONTAINER_OOM = "container_oom"
    CONTAINER_DISAPPEARED = "container_disappeared"
    INSPECT_UNHEALTHY = "inspect_unhealthy"
    PROBE_FAILED = "probe_failed"
    PROBE_RECOVERED = "probe_recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEvent:
    """One observation of one engine; the streams' specification lists each type's `details`."""

    game_id: GameId
    container_id: ContainerId
    event_type: HealthEventType
    details: Mapping[str, object]
    occurred_at: datetime

    def __post_init__(self) -> None:
        """Make the texts from outside printable."""
        object.__setattr__(self, "details", printable_details(self.details))


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthObservation:
    """The latest answer of an engine, written when it differs from the one before.

    `healthy` None means that the engine could not be asked. `since` is when this state was first
    observed, `checked_at` when this was written; `misses` are those in a row until then.
    """

    game_id: GameId
    container_id: ContainerId
    healthy: bool | None
    error: str | None
    since: datetime
    checked_at: datetime
    misses: int = 0

    def __post_init__(self) -> None:
        """Make the text from outside printable."""
        object.__setattr__(self, "error", printable_or_none(self.error))

    def is_same_state(self, other: "HealthObservation") -> bool:
        """Return whether the other says the same of the same container, whatever the error is."""
        return (self.container_id, self.healthy) == (other.container_id, other.healthy)

    def is_like(self, other: "HealthObservation | None") -> bool:
        """Return whether the other is the same observation at another time."""
        return other is not None and self.is_same_state(other) and self.error == other.error


def started_event(container: ContainerDetails, *, game_id: GameId, at: datetime) -> HealthEvent:
    """Return the event of a started or adopted engine, dated by the container's start."""
    return HealthEvent(
        game_id=game_id,
        container_id=container.id,
        event_type=HealthEventType.CONTAINER_STARTED,
        details={"image_ref": container.image_ref or ""},
        occurred_at=container.started_at or at,
    )


def loss_event(
    record: RuntimeRecord, seen: ContainerDetails | None, *, at: datetime
) -> HealthEvent | None:
    """Return the health event for a record that is `running` while its engine is not.

    One that was lost with its node has disappeared, and so has one whose exit nobody can see.
    """
    if record.status is not RuntimeStatus.RUNNING or record.current_container_id is None:
        return None
    if seen is not None and seen.is_running:
        return None
    event_type, details = _loss(seen)
    return HealthEvent(
        game_id=record.game_id,
        container_id=record.current_container_id,
        event_type=event_type,
        details=details,
        occurred_at=(seen.finished_at if seen else None) or at,
    )


def _loss(seen: ContainerDetails | None) -> tuple[HealthEventType, dict[str, object]]:
    if seen is None or seen.is_being_removed or seen.is_lost or seen.exit_code is None:
        return HealthEventType.CONTAINER_DISAPPEARED, {}
    if seen.oom_killed:
        return HealthEventType.CONTAINER_OOM, {"exit_code": seen.exit_code}
    return HealthEventType.CONTAINER_EXITED, {"exit_code": seen.exit_code, "oom": False}
