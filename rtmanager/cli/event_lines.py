"""Events as lines for people."""

from datetime import UTC
from typing import TYPE_CHECKING

from rtmanager.cli.text import precise

if TYPE_CHECKING:
    from rtmanager.client import DriftChange, HealthChange, OperationProgress, StreamedEvent

_OTHERS = {
    "ready": "-- events begin here",
    "reset": "-- some events are gone; what is shown may lack them",
}


def event_line(streamed: "StreamedEvent") -> str:
    """Return one event as a line."""
    event = streamed.event
    if event is None:
        return _OTHERS.get(streamed.type, f"-- {streamed.type}")
    said = str(event.type)
    if event.operation is not None:
        said = _operation(event.operation)
    elif event.health is not None:
        said = _health(event.health)
    elif event.drift is not None:
        said = _drift(event.drift)
    return f"{event.at.astimezone(UTC):%H:%M:%S}  {event.game_id}  {said}"


def _operation(progress: "OperationProgress") -> str:
    image = f" to {progress.image_ref}" if progress.image_ref else ""
    head = f"{progress.kind}{image} by {progress.source}"
    if progress.outcome != "open":
        why = f": {progress.error_message}" if progress.error_message else ""
        replay = progress.error_code == "replay_no_op"
        return f"{head}: {'nothing to do' if replay else str(progress.outcome) + why}"
    if progress.step is None:
        return f"{head} begins"
    step = progress.step
    parts = [step.action, step.result, precise(step.duration_ms), step.error or step.note or ""]
    return f"{head}: {' '.join(filter(None, parts))}"


def _health(change: "HealthChange") -> str:
    event = f" ({change.event.event_type})" if change.event is not None else ""
    why = f": {change.error}" if change.error else ""
    return f"health is {change.state}{event}{why}"


def _drift(change: "DriftChange") -> str:
    if not change.is_present:
        return f"drift is gone: {change.finding.sentence}"
    return f"drift: {change.finding.sentence}; {change.finding.action}"
