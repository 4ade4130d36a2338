"""Take the loss of the record's container into the record, or remove one that nobody needs."""

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, container_name
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.losses import as_observed, loss_event
from rtmanager.domain.operation import Cause, Operation, Outcome, Phase
from rtmanager.domain.operations.decision import Decision, TurnBack, attempt, remove, stop
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rollback import failed


def decide(operation: Operation, seen: Observation) -> Decision:
    """Record that the container is gone; a superfluous one is stopped and removed first."""
    if operation.phase is Phase.BACK:
        return failed(operation, seen)
    surplus = seen.subject(operation)
    if surplus is None or surplus is seen.current:
        return observed(operation, seen)
    if surplus.is_running and _is_the_engine(operation, seen, surplus):
        words = "somebody has started the container meanwhile: it is the game's engine now"
        return TurnBack(Cause(code=ErrorCode.CONFLICT, message=words))
    if surplus.is_running:
        return attempt(operation, stop(surplus.id))
    return attempt(operation, remove(surplus.id))


def _is_the_engine(operation: Operation, seen: Observation, running: ContainerDetails) -> bool:
    """Tell whether the running container is to be adopted, by what makes it so for drift."""
    if seen.current is not None and seen.current.is_running:
        return False
    return seen.record is None or running.name == container_name(operation.game_id)


def observed(operation: Operation, seen: Observation) -> Completion:
    """Return the completion that takes into the record what is seen of its container."""
    if seen.record is None:
        return Completion(outcome=Outcome.SUCCESS, at=seen.at)
    lost = loss_event(seen.record, seen.current, at=seen.at)
    return Completion(
        outcome=Outcome.SUCCESS,
        at=seen.at,
        record=as_observed(seen.record, seen.current, fence=operation.id, at=seen.at),
        events=[lost] if lost else [],
        details=dict(lost.details) if lost else {},
    )
