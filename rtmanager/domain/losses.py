"""What an observation of its container says of a record."""

from datetime import datetime

from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.operation import Fence
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


def as_observed(
    record: RuntimeRecord, seen: ContainerDetails | None, *, fence: Fence, at: datetime
) -> RuntimeRecord:
    """Return the record as its container shows it; the same object when it agrees.

    `seen` None means surely gone: what could not be observed must not come here. What Docker is
    removing is as good as gone.
    """
    if record.status is RuntimeStatus.REMOVED:
        return record
    if seen is None or seen.is_leaving:
        return record.removed(fence=fence, at=at)
    if record.status is RuntimeStatus.RUNNING and not seen.is_running:
        return record.stopped(fence=fence, at=at, stopped_at=seen.finished_at or at)
    return record


def loss_event(
    record: RuntimeRecord, seen: ContainerDetails | None, *, at: datetime
) -> HealthEvent | None:
    """Return the health event for a record that says running when its engine does not run."""
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
    if seen is None or seen.is_leaving:
        return HealthEventType.CONTAINER_DISAPPEARED, {}
    if seen.oom_killed:
        return HealthEventType.CONTAINER_OOM, {"exit_code": seen.exit_code}
    return HealthEventType.CONTAINER_EXITED, {"exit_code": seen.exit_code, "oom": False}
