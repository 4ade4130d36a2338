"""The log line of a health event: once each, where it is written."""

import logging

from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.insight.exit_words import signal_of

logger = logging.getLogger(__name__)

LINES = {
    HealthEventType.CONTAINER_EXITED: (logging.WARNING, "engine_exited"),
    HealthEventType.CONTAINER_OOM: (logging.WARNING, "engine_out_of_memory"),
    HealthEventType.CONTAINER_DISAPPEARED: (logging.WARNING, "engine_disappeared"),
    HealthEventType.INSPECT_UNHEALTHY: (logging.WARNING, "engine_unhealthy"),
    HealthEventType.PROBE_FAILED: (logging.WARNING, "engine_probe_failed"),
    HealthEventType.PROBE_RECOVERED: (logging.INFO, "engine_probe_recovered"),
}
"""That an engine has started is said by its operation."""


def log_health_event(event: HealthEvent) -> None:
    """Log what happened to an engine, with its exit code and the signal that ended it."""
    if event.event_type not in LINES:
        return
    level, name = LINES[event.event_type]
    about = {"game_id": event.game_id, "container_id": event.container_id, **event.details}
    exit_code = event.details.get("exit_code")
    if isinstance(exit_code, int) and (ended_by := signal_of(exit_code)):
        about["signal"] = ended_by
    logger.log(level, name, extra=about)
