"""Values for tests: sensible defaults; override what matters."""

from datetime import UTC, datetime
from typing import Any

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerId, ImageId, engine_endpoint
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.messages import OutboxMessage, OutboxStream
from rtmanager.domain.operation import (
    Action,
    ActionName,
    Cause,
    Fence,
    LeaseNumber,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
    Outcome,
    Phase,
    Step,
    StepResult,
)
from rtmanager.domain.ports.health_log import Baseline, Watch
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

GAME = GameId("chess-7")
IMAGE = "galaxy/game:1.4.7"
LEASE = LeaseNumber(1_000)
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


def make_completion(**changes: Any) -> Completion:
    """Return a success without a record."""
    facts: dict[str, Any] = {"outcome": Outcome.SUCCESS, "at": NOON}
    return Completion(**(facts | changes))


def make_cause(**changes: Any) -> Cause:
    """Return the cause of a rollback: an engine that exited."""
    facts: dict[str, Any] = {
        "code": ErrorCode.CONTAINER_START_FAILED,
        "message": "the engine exited with code 1",
        "exit_code": 1,
        "log_tail": ("starting", "no such file"),
    }
    return Cause(**(facts | changes))


def make_action(**changes: Any) -> Action:
    """Return the action that parks a predecessor."""
    facts: dict[str, Any] = {
        "name": ActionName.PARK,
        "container_id": ContainerId("c" * 64),
        "address": f"galaxy-parked-1-{GAME}",
    }
    return Action(**(facts | changes))


def make_step(**changes: Any) -> Step:
    """Return a successful step."""
    facts: dict[str, Any] = {
        "action": make_action(),
        "phase": Phase.FORWARD,
        "started_at": NOON,
        "duration_ms": 12.5,
        "result": StepResult.DONE,
    }
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
    """Return what the probe has reported about a game's engine: nothing bad."""
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
