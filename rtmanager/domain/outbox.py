"""Messages for other services, written in the outcome transaction and relayed to Redis later."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent


class OutboxStream(StrEnum):
    """Where a message goes; the stream's name in Redis is a setting."""

    JOB_RESULTS = "job_results"
    HEALTH_EVENTS = "health_events"
    NOTIFICATION_INTENTS = "notification_intents"


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One stream entry to be: all fields are strings, as in the stream."""

    stream: OutboxStream
    game_id: GameId
    fields: Mapping[str, str]


def health_message(event: HealthEvent) -> OutboxMessage:
    """Render a health event as the entry that others read."""
    return OutboxMessage(
        OutboxStream.HEALTH_EVENTS,
        event.game_id,
        {
            "game_id": event.game_id,
            "container_id": event.container_id,
            "event_type": event.event_type.value,
            "occurred_at_ms": str(epoch_ms(event.occurred_at)),
            "details": json.dumps(event.details, sort_keys=True),
        },
    )


def epoch_ms(moment: datetime) -> int:
    """Return milliseconds since the epoch."""
    return int(moment.timestamp() * 1000)
