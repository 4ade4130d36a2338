"""Values for tests: sensible defaults, override what matters."""

from datetime import UTC, datetime
from typing import Any

from rtmanager.domain.container import ContainerId, ImageId, engine_endpoint
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.operation import (
    Fence,
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
    Outcome,
    Step,
)
from rtmanager.domain.outbox import OutboxMessage, OutboxStream
from rtmanager.domain.ports.health_log import Baseline, Watch
from rtmanager.domain.ports.operation_journal import OperationResult, Verdict
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

GAME = GameId("chess-7")
IMAGE = "galaxy/game:1.4.7"
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def make_record(**changes: Any) -> RuntimeRecord:
    """Return the record of a running game."""
    game_id = changes.get("game_id", GAME)
    facts: dict[str, Any] = {
        "game_id": game_id,
        "status": RuntimeStatus.RUNNING,
        "current_container_id": ContainerId("c" * 64),
        "current_image_ref": IMAGE,
        "image_id": ImageId("sha256:" + "1" * 64),
        "engine_endpoint": engine_endpoint(game_id),
        "state_path": f"/srv/galaxy/{game_id}",
        "docker_network": "galaxy-net",
        "started_at": NOON,
        "stopped_at": None,
        "removed_at": None,
        "last_op_at": NOON,
        "created_at": NOON,
        "fence": Fence(1),
    }
    return RuntimeRecord(**(facts | changes))


def make_request(**changes: Any) -> OperationRequest:
    """Return a Game Master's request to start a game."""
    facts: dict[str, Any] = {
        "game_id": GAME,
        "kind": OperationKind.START,
        "origin": Origin(OpSource.GM_REST, "request-1"),
        "image_ref": IMAGE,
    }
    return OperationRequest(**(facts | changes))


def make_job(entry: str = "runtime:start_jobs:1-0", **changes: Any) -> OperationRequest:
    """Return the Lobby's request to start a game."""
    return make_request(**({"origin": Origin(OpSource.LOBBY_STREAM, entry)} | changes))


def make_verdict(**changes: Any) -> Verdict:
    """Return a verdict that ends a request at once."""
    return Verdict(**({"outcome": Outcome.SUCCESS} | changes))


def make_result(operation: Operation, **changes: Any) -> OperationResult:
    """Return the successful result of an operation that leaves the record as it is."""
    facts: dict[str, Any] = {
        "operation_id": operation.id,
        "game_id": operation.game_id,
        "outcome": Outcome.SUCCESS,
        "finished_at": NOON,
    }
    return OperationResult(**(facts | changes))


def make_step(**changes: Any) -> Step:
    """Return a step that went well."""
    facts: dict[str, Any] = {"name": "create container", "started_at": NOON, "duration_ms": 12.5}
    return Step(**(facts | changes))


def make_event(**changes: Any) -> HealthEvent:
    """Return the observation that a game's engine was started."""
    facts: dict[str, Any] = {
        "game_id": GAME,
        "container_id": ContainerId("c" * 64),
        "event_type": HealthEventType.CONTAINER_STARTED,
        "details": {"image_ref": IMAGE},
        "occurred_at": NOON,
    }
    return HealthEvent(**(facts | changes))


def make_baseline(**changes: Any) -> Baseline:
    """Return what the probe has told of a game's engine: nothing bad."""
    facts: dict[str, Any] = {
        "game_id": GAME,
        "container_id": ContainerId("c" * 64),
        "watch": Watch.PROBE,
    }
    return Baseline(**(facts | changes))


def make_message(**changes: Any) -> OutboxMessage:
    """Return a message to the Lobby."""
    facts: dict[str, Any] = {
        "stream": OutboxStream.JOB_RESULTS,
        "game_id": GAME,
        "fields": {"game_id": GAME, "outcome": "success"},
    }
    return OutboxMessage(**(facts | changes))
