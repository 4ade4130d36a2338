"""Take a running engine into the record, or give the record's container its name back."""

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, container_name
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.health import started_event
from rtmanager.domain.losses import loss_event
from rtmanager.domain.operation import Action, ActionName, Cause, Operation, Outcome, Phase
from rtmanager.domain.operations.decision import Decision, TurnBack, attempt
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rollback import failed
from rtmanager.domain.runtime import RuntimeStatus, running_record


def decide(operation: Operation, seen: Observation) -> Decision:
    """Rename the container if it has lost its name, then adopt it if it is not the record's."""
    if operation.phase is Phase.BACK:
        return failed(operation, seen)
    found = seen.subject(operation)
    if found is None or found.is_leaving:
        words = "the container vanished before it could be adopted"
        return TurnBack(Cause(code=ErrorCode.CONFLICT, message=words))
    if found.name != container_name(operation.game_id):
        return attempt(operation, Action(ActionName.UNPARK, found.id))
    if seen.current is not None and found.id == seen.current.id and _is_known(seen, found):
        return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=seen.record)
    if not found.is_running:
        words = "the engine stopped running before it could be adopted"
        return TurnBack(Cause(code=ErrorCode.CONFLICT, message=words))
    return _adopted(operation, seen, found)


def _is_known(seen: Observation, found: ContainerDetails) -> bool:
    """Tell whether the record says already of its own container what is so."""
    runs = seen.record is not None and seen.record.status is RuntimeStatus.RUNNING
    return runs is found.is_running


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
