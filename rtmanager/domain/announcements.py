"""What other services are told of a finished operation."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.operation import OperationKind, OperationRequest, OpSource, Outcome
from rtmanager.domain.outbox import (
    OutboxMessage,
    OutboxStream,
    epoch_ms,
    health_message,
    sendable,
)
from rtmanager.domain.runtime import RuntimeRecord

PRODUCER = "runtime_manager"
INTENT_QUIET = 600.0
"""Seconds in which a game that fails again in the same way gives no second intent."""

_INTENT_CODES = {
    ErrorCode.IMAGE_PULL_FAILED,
    ErrorCode.CONTAINER_START_FAILED,
    ErrorCode.START_CONFIG_INVALID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a request ended."""

    outcome: Outcome
    error_code: ErrorCode | None = None
    error_message: str | None = None
    record: RuntimeRecord | None = None
    at: datetime


def announcements(
    request: OperationRequest, ending: Ending, events: Iterable[HealthEvent] = ()
) -> list[OutboxMessage]:
    """Return every message that this ending owes to others, in the order they must see them."""
    messages = [health_message(event) for event in events]
    if request.origin.source is OpSource.LOBBY_STREAM:
        messages.append(_job_result(request, ending))
    if request.kind is OperationKind.START and ending.error_code in _INTENT_CODES:
        messages.append(_notification_intent(request, ending))
    return messages


def _job_result(request: OperationRequest, ending: Ending) -> OutboxMessage:
    record = ending.record if ending.outcome is Outcome.SUCCESS else None
    return OutboxMessage(
        OutboxStream.JOB_RESULTS,
        request.game_id,
        {
            "job_id": request.origin.source_ref,
            "op_kind": request.kind.value,
            "game_id": request.game_id,
            "outcome": ending.outcome.value,
            "container_id": (record and record.current_container_id) or "",
            "engine_endpoint": (record and record.engine_endpoint) or "",
            "error_code": ending.error_code or "",
            "error_message": sendable(ending.error_message or ""),
        },
    )


def _notification_intent(request: OperationRequest, ending: Ending) -> OutboxMessage:
    code, image_ref = ending.error_code or "", request.image_ref or ""
    attempted_at = str(epoch_ms(ending.at))
    # Hashed: an image reference may be of any length and hold any byte.
    same = f"{request.game_id}\0{code}\0{image_ref}".encode("utf-8", "surrogatepass")
    sameness = sha256(same).hexdigest()
    return OutboxMessage(
        OutboxStream.NOTIFICATION_INTENTS,
        request.game_id,
        {
            "type": f"runtime.{code}",
            "producer": PRODUCER,
            "game_id": request.game_id,
            "image_ref": sendable(image_ref),
            "error_code": code,
            "error_message": sendable(ending.error_message or ""),
            "attempted_at_ms": attempted_at,
            "idempotency_key": f"{sameness}:{attempted_at}",
        },
        quiet_key=sameness,
        quiet_for=INTENT_QUIET,
    )
