"""Messages for other services, written together with the outcome that they report."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.operation import Cause, OperationKind, OperationRequest, OpSource, Outcome

logger = logging.getLogger(__name__)


class OutboxStream(StrEnum):
    """Where a message goes; the stream's name in Redis is a setting."""

    JOB_RESULTS = "job_results"
    HEALTH_EVENTS = "health_events"
    NOTIFICATION_INTENTS = "notification_intents"


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `most` messages that count towards this key are written within `seconds`."""

    key: str
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A stream entry to be published: all fields are strings, as in the stream.

    A message with a `dedup_key` is not written while an earlier one with the same key is younger
    than its `dedup_window` seconds. One with quotas is not written while any of them is used up.
    """

    stream: OutboxStream
    game_id: GameId
    fields: Mapping[str, str]
    dedup_key: str | None = None
    dedup_window: float = 0.0
    quotas: tuple[Quota, ...] = ()


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

INTENTS_PER_GAME = 5
"""Intents of one game and code within the dedup window, whatever images were asked for."""
INTENTS_OF_NEW_GAMES = 60
NEW_GAMES_WINDOW = 60.0
"""Intents of one code within these seconds, of all games together that never ran: a caller can make
up any number of those. The Lobby's jobs neither count nor wait for others' games."""

_INTENT_CODES = {
    ErrorCode.IMAGE_PULL_FAILED,
    ErrorCode.CONTAINER_START_FAILED,
    ErrorCode.START_CONFIG_INVALID,
}


def announcements(
    request: OperationRequest, completion: Completion, *, is_new_game: bool = False
) -> list[OutboxMessage]:
    """Return the messages that report this completion, in order.

    A new game has no record before the operation.
    """
    messages = [health_message(event) for event in completion.events]
    if request.origin.source is OpSource.LOBBY_STREAM:
        messages.append(_job_result(request, completion))
    cause = completion.cause
    if request.kind is OperationKind.START and cause is not None and cause.code in _INTENT_CODES:
        intent = _notification_intent(request, cause, completion.at)
        messages.append(replace(intent, quotas=_quotas(request, cause, is_new_game=is_new_game)))
    return messages


def log_over_quota(message: OutboxMessage) -> None:
    """Log that a message was not written because one of its quotas is used up."""
    about = {"stream": message.stream, "game_id": message.game_id}
    keys = [quota.key for quota in message.quotas]
    logger.warning("message_over_quota", extra=about | {"quotas": keys})


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
    sameness = _hash_of(request.game_id, code, image_ref)
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


def _quotas(request: OperationRequest, cause: Cause, *, is_new_game: bool) -> tuple[Quota, ...]:
    # A game id has no blank: the two keys are never the same.
    of_game = Quota(f"{request.game_id} {cause.code}", INTENTS_PER_GAME, INTENT_DEDUP_WINDOW)
    if not is_new_game or request.origin.is_redelivered:
        return (of_game,)
    of_all = Quota(f"new games {cause.code}", INTENTS_OF_NEW_GAMES, NEW_GAMES_WINDOW)
    return of_game, of_all


def _hash_of(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()
