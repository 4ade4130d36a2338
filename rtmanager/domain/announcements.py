"""What other services are told of a finished operation."""

from datetime import datetime
from hashlib import sha256

from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import Cause, OperationKind, OperationRequest, OpSource, Outcome
from rtmanager.domain.outbox import (
    OutboxMessage,
    OutboxStream,
    epoch_ms,
    health_message,
    sendable,
)

PRODUCER = "runtime_manager"
INTENT_QUIET = 600.0
"""Seconds in which a game that fails again in the same way gives no second intent."""

_INTENT_CODES = {
    ErrorCode.IMAGE_PULL_FAILED,
    ErrorCode.CONTAINER_START_FAILED,
    ErrorCode.START_CONFIG_INVALID,
}


def announcements(request: OperationRequest, completion: Completion) -> list[OutboxMessage]:
    """Return every message that this completion owes to others, in the order they must see them."""
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
            "error_message": sendable(completion.cause.message if completion.cause else ""),
        },
    )


def _notification_intent(request: OperationRequest, cause: Cause, at: datetime) -> OutboxMessage:
    code, image_ref = cause.code, request.image_ref or ""
    attempted_at = str(epoch_ms(at))
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
            "error_message": sendable(cause.message),
            "attempted_at_ms": attempted_at,
            "idempotency_key": f"{sameness}:{attempted_at}",
        },
        quiet_key=sameness,
        quiet_for=INTENT_QUIET,
    )
