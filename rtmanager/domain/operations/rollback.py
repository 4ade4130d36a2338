"""The way back of a start, restart or patch: the new container goes, the old one is as it was.

Whatever Docker refuses here is tried once more and then left: what is true is committed, and the
reconciler finds the rest as drift. So every way back ends.
"""

from collections.abc import Iterator

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import (
    ContainerDetails,
    container_name,
    parked_name,
    parked_name_of_0_1,
)
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.losses import as_observed, loss_event
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
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

MOST_TRIES = 3
"""One more than there can be late calls against it: each undoes one try at most."""


def roll_back(operation: Operation, seen: Observation) -> Decision:
    """Return the next thing to put back that was not given up, or the failure."""
    wanted = (*_clear(operation, seen), *_bring_back(operation, seen))
    tried = operation.attempts
    return next((each for each in wanted if tried(each) < MOST_TRIES), failed(operation, seen))


def failed(operation: Operation, seen: Observation) -> Completion:
    """Return the completion of an operation that failed: its first cause, and what is true now."""
    cause = operation.cause or Cause(code=ErrorCode.INTERNAL_ERROR, message="internal server error")
    before = seen.record
    if before is None:
        return Completion(outcome=Outcome.FAILURE, at=seen.at, cause=cause)
    lost = loss_event(before, seen.current, at=seen.at)
    record = as_observed(before, seen.current, fence=operation.id, at=seen.at)
    return Completion(
        outcome=Outcome.FAILURE,
        at=seen.at,
        cause=Cause(
            code=cause.code,
            message=f"{cause.message}; {_what_runs(before, record)}",
            exit_code=cause.exit_code,
            log_tail=cause.log_tail,
        ),
        record=record,
        events=[lost] if lost else [],
    )


def _clear(operation: Operation, seen: Observation) -> Iterator[Action]:
    """Remove the new container; what keeps the old one from its name, or from running, goes too."""
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


def _bring_back(operation: Operation, seen: Observation) -> Iterator[Action]:
    """Start the old engine if it ran, and give it its name back.

    Both by the name that only this operation gives it: a call that arrives after the end, when
    others have gone on, finds no container.
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
        can_start = operation.attempts(start) < MOST_TRIES
        if is_down and can_start and old.is_usable and operation.was_sent(halt):
            # Our own stop has come late, when it had its name back already: once more from there.
            yield Action(ActionName.PARK, old.id)
        return
    if _should_run(operation) and old.is_running and _is_under_way(operation, halt, start):
        # It would end the engine after we have called it running: let it end, then start it.
        yield halt
    if is_down:
        yield start
    yield Action(ActionName.UNPARK, old.id, parked)


def _is_under_way(operation: Operation, halt: Action, start: Action) -> bool:
    """Tell whether the stop may still come: the last that is known is that it was sent.

    A start of the same engine was only sent because it had exited, so the stop had come by then.
    """
    sent = [each for each in operation.steps if each.action in {halt, start}]
    known = [each for each in sent if each.result is not StepResult.REFUSED]
    return bool(known) and (known[-1].action, known[-1].result) == (halt, StepResult.UNKNOWN)


def _should_run(operation: Operation) -> bool:
    return operation.predecessor is not None and operation.predecessor.ran


def _another_runs(operation: Operation, seen: Observation, old: ContainerDetails) -> bool:
    """Tell whether another engine runs, or may come to run: its start was sent, and it is there."""
    return any(
        each.is_running or (not each.was_started and operation.is_in_doubt(_start_of(each)))
        for each in seen.ours
        if each.id != old.id
    )


def _start_of(container: ContainerDetails) -> Action:
    return Action(ActionName.START, container.id)


def _what_runs(before: RuntimeRecord, after: RuntimeRecord) -> str:
    if after.status is RuntimeStatus.RUNNING:
        return f"{after.current_image_ref or 'the engine'} runs"
    if after.status is before.status:
        return f"the game is {after.status} as before"
    return f"the game is {after.status} now"
