"""Messages for other services, written in the outcome transaction and relayed to Redis later."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent

LONGEST_TEXT = 2_000
"""Characters of a text that came from outside; spec/runtime-streams-asyncapi.yaml says the same."""


class OutboxStream(StrEnum):
    """Where a message goes; the stream's name in Redis is a setting."""

    JOB_RESULTS = "job_results"
    HEALTH_EVENTS = "health_events"
    NOTIFICATION_INTENTS = "notification_intents"


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One stream entry to be: all fields are strings, as in the stream.

    A message with a `quiet_key` is not even written while an earlier one with the same key is
    younger than its `quiet_for` seconds.
    """

    stream: OutboxStream
    game_id: GameId
    fields: Mapping[str, str]
    quiet_key: str | None = None
    quiet_for: float = 0.0


def health_message(event: HealthEvent) -> OutboxMessage:
    """Render a health event as the entry that others read."""
    details = {key: _bounded(value) for key, value in event.details.items()}
    return OutboxMessage(
        OutboxStream.HEALTH_EVENTS,
        event.game_id,
        {
            "game_id": event.game_id,
            "container_id": event.container_id,
            "event_type": event.event_type.value,
            "occurred_at_ms": str(epoch_ms(event.occurred_at)),
            "details": json.dumps(details, sort_keys=True),
        },
    )


def sendable(text: str) -> str:
    """Return text as a stream may carry it: valid UTF-8, readable without NUL, of bounded length.

    Whatever stores it on the way has nothing left to escape, so it stays within its bound.
    """
    plain = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return plain if len(plain) <= LONGEST_TEXT else plain[: LONGEST_TEXT - 1] + "…"


def epoch_ms(moment: datetime) -> int:
    """Return milliseconds since the epoch."""
    return int(moment.timestamp() * 1000)


def _bounded(value: object) -> object:
    return sendable(value) if isinstance(value, str) else value
