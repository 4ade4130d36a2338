"""Replacing a game's container with a new one, as start, restart and patch do.

The old container is parked under a name that only this operation gives, then stopped by that name.
It is removed when the new one has passed its gate and the outcome is committed. Two engines of a
game never run at once: whatever runs is stopped before the new one starts.
"""

from collections.abc import Iterator
from dataclasses import replace

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import (
    ContainerDetails,
    ContainerStatus,
    container_name,
    parked_name,
)
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.health import HealthEvent, loss_event, started_event
from rtmanager.domain.operation import Action, ActionName, Cause, Operation, Outcome, Phase
from rtmanager.domain.operations.decision import (
    Decision,
    RollBack,
    attempt,
    overtaken_by,
    remove,
    stop,
)
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rollback import roll_back
from rtmanager.domain.runtime import running_record

OBTAIN_IMAGE = Action(ActionName.OBTAIN_IMAGE)
PREPARE_STATE = Action(ActionName.PREPARE_STATE)
CREATE = Action(ActionName.CREATE)


def decide(operation: Operation, seen: Observation) -> Decision:
    """Decide what a start, restart or patch does next."""
    if operation.phase is Phase.BACK:
        return roll_back(operation, seen)
    later = seen.overtaking(operation)
    if later is not None:
        return RollBack(overtaken_by(later))
    if seen.new is not None:
        return _bring_up(operation, seen, seen.new)
    return _make_way(operation, seen)


def _make_way(operation: Operation, seen: Observation) -> Decision:
    """Check the configuration, then free the engine's name and stop what runs."""
    if seen.image is not None and seen.state_is_ready and seen.stranger is not None:
        return RollBack(_name_taken(seen.stranger))
    return attempt(operation, next(_before_the_start(operation, seen)))


def _before_the_start(operation: Operation, seen: Observation) -> Iterator[Action]:
    """Return the actions before the creation of the new container, in order."""
    if seen.image is None:
        yield OBTAIN_IMAGE
    if not seen.state_is_ready:
        yield PREPARE_STATE
    for other in seen.others:
        if other.is_running:
            yield stop(other.id)
        elif other.name == container_name(operation.game_id):
            yield remove(other.id)
    if seen.current is not None:
        yield from _park(operation, seen.current)
    yield CREATE


def _park(operation: Operation, old: ContainerDetails) -> Iterator[Action]:
    parked = parked_name(operation.game_id, operation.id)
    if not old.is_usable:
        yield remove(old.id)
    elif old.name != parked:
        yield Action(ActionName.PARK, old.id)
    elif old.is_running:
        yield stop(old.id, parked)


def _bring_up(operation: Operation, seen: Observation, new: ContainerDetails) -> Decision:
    """Start the new container and watch its gate."""
    rival = next(_rivals(operation, seen), None)
    if rival is not None:
        return attempt(operation, rival)
    if new.is_running:
        return _pass_gate(operation, seen, new)
    start, removal = Action(ActionName.START, new.id), remove(new.id)
    if new.is_being_removed and operation.is_in_doubt(removal):
        return attempt(operation, removal)  # our own removal, still in progress
    if new.was_started or not new.is_usable:
        return RollBack(_exited(new), logs_of=new.id)
    if operation.is_in_doubt(start):
        # The start may take effect at any later time: its container must be gone by then.
        return attempt(operation, removal)
    return _start(operation, start, new)


def _start(operation: Operation, start: Action, new: ContainerDetails) -> Decision:
    decision = attempt(operation, start)
    if isinstance(decision, RollBack):
        return RollBack(replace(decision.cause, exit_code=new.exit_code), logs_of=new.id)
    return decision


def _rivals(operation: Operation, seen: Observation) -> Iterator[Action]:
    """Return the actions that stop other engines of the game which run or may still start."""
    parked = parked_name(operation.game_id, operation.id)
    old = seen.current
    if old is not None and old.is_running:
        yield stop(old.id, parked if old.name == parked else None)
    for each in seen.others:
        if each.is_running:
            yield stop(each.id)
        elif operation.is_in_doubt(Action(ActionName.START, each.id)):
            # Also created by this operation, by a late call; it may still be started.
            yield remove(each.id)


def _pass_gate(operation: Operation, seen: Observation, new: ContainerDetails) -> Decision:
    if new.status is ContainerStatus.STARTING:
        return attempt(operation, Action(ActionName.START, new.id))  # joins what is in progress
    if seen.gate is None:
        return attempt(operation, Action(ActionName.WATCH_GATE, new.id))
    if seen.gate.failure is not None:
        return RollBack(seen.gate.failure, logs_of=new.id)
    return _success(operation, seen, new)


def _success(operation: Operation, seen: Observation, new: ContainerDetails) -> Completion:
    record = running_record(
        new, game_id=operation.game_id, previous=seen.record, fence=operation.id, at=seen.at
    )
    lost = _earlier_loss(operation, seen)
    started = started_event(new, game_id=operation.game_id, at=seen.at)
    return Completion(
        outcome=Outcome.SUCCESS,
        at=seen.at,
        record=record,
        events=[lost, started] if lost else [started],
        details={"found": lost.event_type.value} if lost else {},
        leftovers=[each.id for each in seen.ours if each.id != new.id],
    )


def _earlier_loss(operation: Operation, seen: Observation) -> HealthEvent | None:
    """Return the loss event of an engine that should have been running but had exited."""
    ran = operation.predecessor is not None and operation.predecessor.ran
    if ran or seen.record is None:
        return None
    return loss_event(seen.record, seen.current, at=seen.at)


def _exited(new: ContainerDetails) -> Cause:
    if not new.is_usable:
        words = "the new container was removed while it started"
        return Cause(code=ErrorCode.CONTAINER_START_FAILED, message=words)
    return Cause(
        code=ErrorCode.CONTAINER_START_FAILED,
        message=f"the engine {_how(new)} while it started",
        exit_code=new.exit_code,
        oom_killed=new.oom_killed,
        ended_at=new.finished_at,
    )


def _how(ended: ContainerDetails) -> str:
    if ended.is_lost:
        return f"was lost with {ended.node_name}"
    code = "an unknown code" if ended.exit_code is None else f"code {ended.exit_code}"
    oom = ", out of memory" if ended.oom_killed else ""
    return f"exited with {code}{oom}"


def _name_taken(stranger: ContainerDetails) -> Cause:
    return Cause(
        code=ErrorCode.CONFLICT,
        message=f"the container name {stranger.name} is taken by container {stranger.id[:12]}, "
        "which this service did not make; remove or rename it and try again",
    )
