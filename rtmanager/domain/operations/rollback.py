"""The rollback of a start, restart or patch: remove the new container, restore the old one.

What Docker refuses here is retried and then left to the reconciler, which finds it as drift; the
record is committed as observed. So every rollback ends.
"""

from collections.abc import Iterator
from dataclasses import replace

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import (
    ContainerDetails,
    container_name,
    parked_name,
    parked_name_of_0_1,
)
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.health import loss_event
from rtmanager.domain.operation import (
    Action,
    ActionName,
    Cause,
    Operation,
    Outcome,
    StepResult,
)
from rtmanager.domain.operations.decision import Decision, remove, stop
from rtmanager.domain.operations.observation import Observation, overtakes
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus, as_observed

MAX_TRIES = 3
"""One more than there can be late calls, each of which reverts at most one try."""


def roll_back(operation: Operation, seen: Observation) -> Decision:
    """Return the next action that has not been given up, or the failure."""
    wanted = (*_clear(operation, seen), *_restore(operation, seen))
    tried = operation.attempts
    return next((each for each in wanted if tried(each) < MAX_TRIES), failed(operation, seen))


def failed(operation: Operation, seen: Observation) -> Completion:
    """Return the completion of a failed operation: its first cause, and the observed record."""
    cause = operation.cause or Cause(code=ErrorCode.INTERNAL_ERROR, message="internal server error")
    before = seen.record
    if before is None:
        return Completion(outcome=Outcome.FAILURE, at=seen.at, cause=cause)
    record = as_observed(before, seen.current, fence=operation.id, at=seen.at)
    lost = None if record is before else loss_event(before, seen.current, at=seen.at)
    return Completion(
        outcome=Outcome.FAILURE,
        at=seen.at,
        cause=replace(cause, message=f"{cause.message}; {_what_runs(before, record, seen)}"),
        record=record,
        events=[lost] if lost else [],
    )


def _clear(operation: Operation, seen: Observation) -> Iterator[Action]:
    """Remove the new container, and others that have the old one's name or block its start."""
    name = container_name(operation.game_id)
    in_the_way = [
        each
        for each in seen.others
        if seen.current is not None
        and not overtakes(each, operation)
        and (each.name == name or (each.is_running and _should_run(operation)))
    ]
    for each in (*([seen.new] if seen.new else []), *in_the_way):
        if each.is_running:
            yield stop(each.id)
        elif each is seen.new or each.name == name:
            yield remove(each.id)
            if seen.current is not None and each.name == name:
                yield Action(ActionName.SET_ASIDE, each.id)


def _restore(operation: Operation, seen: Observation) -> Iterator[Action]:
    """Start the old engine if it was running, and give it its name back.

    Both calls use the name that only this operation gives: one that arrives after its end finds no
    container.
    """
    old, parked = seen.current, parked_name(operation.game_id, operation.id)
    if old is None:
        return
    if old.name == parked_name_of_0_1(operation.game_id, operation.id):
        yield Action(ActionName.PARK, old.id)  # begun before the upgrade
        return
    halt, start = stop(old.id, parked), Action(ActionName.START, old.id, parked)
    is_down = (
        _should_run(operation) and not old.is_running and not _another_runs(operation, seen, old)
    )
    if old.name != parked:
        can_start = operation.attempts(start) < MAX_TRIES
        if is_down and can_start and old.is_usable and operation.was_sent(halt):
            # Our stop took effect late, after the container had its name back: park it again.
            yield Action(ActionName.PARK, old.id)
        return
    if _should_run(operation) and old.is_running and _is_under_way(operation, halt, start):
        # A late stop would end the engine after we record it as running: stop it first.
        yield halt
    if is_down:
        yield start
    yield Action(ActionName.UNPARK, old.id, parked)


def _is_under_way(operation: Operation, halt: Action, start: Action) -> bool:
    """Return whether the stop may still take effect: it was the last action, result unknown.

    A start of the same engine is sent only after it has exited, when the stop is over.
    """
    sent = [each for each in operation.steps if each.action in {halt, start}]
    known = [each for each in sent if each.result is not StepResult.REFUSED]
    return bool(known) and (known[-1].action, known[-1].result) == (halt, StepResult.UNKNOWN)


def _should_run(operation: Operation) -> bool:
    return operation.predecessor is not None and operation.predecessor.ran


def _another_runs(operation: Operation, seen: Observation, old: ContainerDetails) -> bool:
    """Return whether another engine runs or may still start."""
    return any(
        each.is_running or (not each.was_started and operation.is_in_doubt(_start_of(each)))
        for each in seen.ours
        if each.id != old.id
    )


def _start_of(container: ContainerDetails) -> Action:
    return Action(ActionName.START, container.id)


def _what_runs(before: RuntimeRecord, after: RuntimeRecord, seen: Observation) -> str:
    old = seen.current
    if old is not None and old.is_lost and after.status is RuntimeStatus.RUNNING:
        return f"the engine that was lost with {old.node_name} has not been started elsewhere yet"
    since = "as before" if after.status is before.status else "now"
    if after.status is RuntimeStatus.RUNNING:
        return f"{after.current_image_ref or 'the engine'} runs {since}"
    return f"the game is {after.status} {since}"
