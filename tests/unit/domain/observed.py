"""Operations and observations as plain values, for the tests of the pure decisions."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.game_lease import Grant, InMemoryGameLease
from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerStatus,
    EngineImage,
    ImageId,
    container_name,
    parked_name,
)
from rtmanager.domain.operation import (
    Action,
    Fence,
    Operation,
    OperationKind,
    Phase,
    Predecessor,
    Step,
    StepResult,
)
from rtmanager.domain.operations.early_reads import EarlyReads
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.runtime import RuntimeStatus
from tests.builders import GAME, LEASE, NOON, make_cause, make_record, make_request
from tests.unit.domain.watch import labels_of

FENCE = Fence(7)
OLD, NEW, OTHER = (ContainerId(letter * 64) for letter in "cde")
NAME, PARKED = container_name(GAME), parked_name(GAME, FENCE)
LATER = NOON + timedelta(minutes=5)
IMAGE = EngineImage(id=ImageId("sha256:" + "2" * 64), labels={}, user="")
RUNNING, EXITED = ContainerStatus.RUNNING, ContainerStatus.EXITED
STOPPED = make_record(status=RuntimeStatus.STOPPED, stopped_at=NOON)


def container(**changes: Any) -> ContainerDetails:
    """Return the record's container, running and past every grace period."""
    status = changes.get("status", RUNNING)
    is_created = status is ContainerStatus.CREATED
    facts: dict[str, Any] = {
        "id": OLD,
        "name": NAME,
        "status": status,
        "labels": labels_of(GAME, fence=1),
        "image_id": ImageId("sha256:" + "1" * 64),
        "created_at": NOON,
        "network": "galaxy-net",
        "address": "172.30.0.2" if status is RUNNING else None,
        "exit_code": 0,
        "oom_killed": False,
        "error": "",
        "started_at": None if is_created else NOON,
        "finished_at": NOON if status is EXITED else None,
        "restart_count": 0,
        "health": None,
        "state_path": f"/srv/galaxy/{GAME}",
    }
    return ContainerDetails(**(facts | changes))


def new(**changes: Any) -> ContainerDetails:
    """Return the container that the operation has created and not started yet."""
    facts: dict[str, Any] = {
        "id": NEW,
        "status": ContainerStatus.CREATED,
        "labels": labels_of(GAME, fence=FENCE),
    }
    return container(**(facts | changes))


def other(**changes: Any) -> ContainerDetails:
    """Return a container of ours that belongs to neither record nor operation."""
    return container(**({"id": OTHER, "name": "left-over", "status": EXITED} | changes))


def operation(kind: OperationKind = OperationKind.PATCH, **changes: Any) -> Operation:
    """Return an operation on a game whose engine ran and was healthy."""
    facts: dict[str, Any] = {
        "id": FENCE,
        "request": make_request(kind=kind),
        "started_at": NOON,
        "predecessor": Predecessor(container_id=OLD, ran=True, healthy=True),
    }
    return Operation(**(facts | changes))


def backward(**changes: Any) -> Operation:
    """Return a patch in its rollback."""
    facts: dict[str, Any] = {"phase": Phase.BACK, "cause": make_cause()}
    return operation(**(facts | changes))


def after(
    before: Operation, action: Action, result: StepResult | None = StepResult.DONE, times: int = 1
) -> Operation:
    """Return the operation after the action got this answer, or while it is in flight."""
    error = "500 Server Error" if result is StepResult.REFUSED else None
    step = Step(action=action, phase=before.phase, started_at=NOON, result=result, error=error)
    return replace(before, steps=(*before.steps, *(step,) * times))


def seen(**changes: Any) -> Observation:
    """Return the observation of a game recorded as running, with nothing but the record."""
    facts: dict[str, Any] = {"at": LATER, "record": make_record()}
    return Observation(**(facts | changes))


def ready(**changes: Any) -> Observation:
    """Return an observation with the image obtained and the state directory prepared."""
    return seen(**({"image": IMAGE, "state_is_ready": True} | changes))


def nothing_early() -> EarlyReads:
    """Return that nothing was read before it was needed."""
    return EarlyReads(ManualClock())


def held_lease() -> InMemoryGameLease:
    """Return a lease that is held, for calls that need one."""
    grant = Grant(LEASE)
    return InMemoryGameLease(GAME, grant, {GAME: grant}, ManualClock())
