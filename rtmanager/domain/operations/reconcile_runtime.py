"""The reconciler's operations: adopt a container, dispose of one, record an observed exit."""

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, container_name
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.health import loss_event, started_event
from rtmanager.domain.operation import Action, ActionName, Cause, Operation, Outcome, Phase
from rtmanager.domain.operations.decision import Decision, RollBack, attempt, remove, stop
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rollback import failed
from rtmanager.domain.runtime import RuntimeStatus, as_observed, running_record


def adopt(operation: Operation, seen: Observation) -> Decision:
    """Give the container its name back if it lost it; adopt it if it is not the record's."""
    if operation.phase is Phase.BACK:
        return failed(operation, seen)
    found = seen.subject(operation)
    if found is None or found.is_being_removed:
        words = "the container vanished before it could be adopted"
        return RollBack(Cause(code=ErrorCode.CONFLICT, message=words))
    if found.name != container_name(operation.game_id):
        return attempt(operation, Action(ActionName.UNPARK, found.id))
    if seen.current is not None and found.id == seen.current.id and _is_known(seen, found):
        return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=seen.record)
    if not found.is_running:
        words = "the engine stopped running before it could be adopted"
        return RollBack(Cause(code=ErrorCode.CONFLICT, message=words))
    return _adopted(operation, seen, found)


def _is_known(seen: Observation, found: ContainerDetails) -> bool:
    """Return whether the record already agrees with its container, or is to be moved as it is."""
    runs = seen.record is not None and seen.record.status is RuntimeStatus.RUNNING
    return runs is found.is_running or (runs and found.is_lost)


def _adopted(operation: Operation, seen: Observation, found: ContainerDetails) -> Completion:
    record = running_record(
        found, game_id=operation.game_id, previous=seen.record, fence=operation.id, at=seen.at
    )
    lost = loss_event(seen.record, seen.current, at=seen.at) if seen.record else None
    started = started_event(found, game_id=operation.game_id, at=seen.at)
    return Completion(
        outcome=Outcome.SUCCESS,
        at=seen.at,
        record=record,
        events=[lost, started] if lost else [started],
    )


def dispose(operation: Operation, seen: Observation) -> Decision:
    """Record that the container is gone; stop and remove a stale one first."""
    if operation.phase is Phase.BACK:
        return failed(operation, seen)
    stale = seen.subject(operation)
    if stale is None or stale is seen.current:
        return observed_exit(operation, seen)
    if stale.is_running and _is_the_engine(operation, seen, stale):
        words = "somebody has started the container meanwhile: it is the game's engine now"
        return RollBack(Cause(code=ErrorCode.CONFLICT, message=words))
    if stale.is_running:
        return attempt(operation, stop(stale.id))
    return attempt(operation, remove(stale.id))


def _is_the_engine(operation: Operation, seen: Observation, running: ContainerDetails) -> bool:
    """Return whether the running container should be adopted, by the rule that finds drift."""
    if seen.current is not None and seen.current.is_running:
        return False
    return seen.record is None or running.name == container_name(operation.game_id)


def observed_exit(operation: Operation, seen: Observation) -> Completion:
    """Return the completion that makes the record agree with the observed container."""
    before = seen.record
    if before is None:
        return Completion(outcome=Outcome.SUCCESS, at=seen.at)
    record = as_observed(before, seen.current, fence=operation.id, at=seen.at)
    lost = None if record is before else loss_event(before, seen.current, at=seen.at)
    return Completion(
        outcome=Outcome.SUCCESS,
        at=seen.at,
        record=record,
        events=[lost] if lost else [],
        details=dict(lost.details) if lost else {},
    )
