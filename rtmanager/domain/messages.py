"""Messages for other services, written together with the outcome that they report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.operation import Cause, OperationKind, OperationRequest, OpSource, Outcome


class OutboxStream(StrEnum):
    """Where a message goes; the stream's name in Redis is a setting."""

    JOB_RESULTS = "job_results"
    HEALTH_EVENTS = "health_events"
    NOTIFICATION_INTENTS = "notification_intents"


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A stream entry to be published: all fields are strings, as in the stream.

    A message with a `dedup_key` is not written while an earlier one with the same key is younger
    than its `dedup_window` seconds.
    """

    stream: OutboxStream
    game_id: GameId
    fields: Mapping[str, str]
    dedup_key: str | None = None
    dedup_window: float = 0.0


def health_message(event: HealthEvent) -> OutboxMessage:
    """Render a health event as a stream entry."""
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


PRODUCER = "runtime_manager"
INTENT_DEDUP_WINDOW = 600.0
"""Seconds within which a repeated, identical failure of a game sends no second intent."""

_INTENT_CODES = {
    ErrorCode.IMAGE_PULL_FAILED,
    ErrorCode.CONTAINER_START_FAILED,
    ErrorCode.START_CONFIG_INVALID,
}


def announcements(request: OperationRequest, completion: Completion) -> list[OutboxMessage]:
    """Return the messages that report this completion, in order."""
    messages = [health_message(event) for event in completion.events]
    if request.origin.source is OpSource.LOBBY_STREAM:
        messages.append(_job_result(request, completion))
    cause = completion.cause
    if request.kind is OperationKind.START and cause is not None and cause.code in _INTENT_CODES:
        messages.append(_notification_intent(request, cause, completion.at))
    return messages


def _job_result(request: OperationRequest, completion: Completion) -> OutboxMessage:
    record = completion.record if completion.outcome is Outcome.SUCCESS else None
    return OutboxMessage(
        OutboxStream.JOB_RESULTS,
        request.game_id,
        {
            "job_id": request.origin.source_ref,
            "op_kind": request.kind.value,
            "game_id": request.game_id,
            "outcome": completion.outcome.value,
            "container_id": (record and record.current_container_id) or "",
            "engine_endpoint": (record and record.engine_endpoint) or "",
            "error_code": completion.cause.code if completion.cause else "",
            "error_message": completion.cause.message if completion.cause else "",
        },
    )


def _notification_intent(request: OperationRequest, cause: Cause, at: datetime) -> OutboxMessage:
    code, image_ref = cause.code, request.image_ref or ""
    attempted_at = str(epoch_ms(at))
    same = f"{request.game_id}\0{code}\0{image_ref}".encode()
    sameness = sha256(same).hexdigest()
    return OutboxMessage(
        OutboxStream.NOTIFICATION_INTENTS,
        request.game_id,
        {
            "type": f"runtime.{code}",
            "producer": PRODUCER,
            "game_id": request.game_id,
            "image_ref": image_ref,
            "error_code": code,
            "error_message": cause.message,
            "attempted_at_ms": attempted_at,
            "idempotency_key": f"{sameness}:{attempted_at}",
        },
        dedup_key=sameness,
        dedup_window=INTENT_DEDUP_WINDOW,
    )
