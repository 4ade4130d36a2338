"""What `decide` answers: the next action, a turn back, or the completion."""

from dataclasses import dataclass

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import Action, ActionName, Cause, Operation

MOST_ATTEMPTS = 3
"""An action that was answered so often, and is needed still, has no lasting effect."""

_HOLDERS_OWN = {ActionName.OBTAIN_IMAGE, ActionName.PREPARE_STATE, ActionName.WATCH_GATE}
"""What these give is the holder's alone: each holder of the operation needs them once more."""


@dataclass(frozen=True, slots=True)
class TurnBack:
    """Put back what was done. `logs_of` is the container whose last words belong to the cause."""

    cause: Cause
    logs_of: ContainerId | None = None


Decision = Action | TurnBack | Completion


def attempt(operation: Operation, action: Action) -> Action | TurnBack:
    """Return the action that is needed, or the turn back if it was refused or does not last.

    A refusal counts only when nothing was done since: what stood in its way may be gone.
    """
    refusal = operation.refusal(action)
    if refusal is not None:
        return TurnBack(refusal)
    if action.name not in _HOLDERS_OWN and operation.attempts(action) >= MOST_ATTEMPTS:
        words = f"{words_of(action)} has no lasting effect: someone else changes the container"
        return TurnBack(Cause(code=ErrorCode.CONFLICT, message=words))
    return action


def overtaken_by(later: ContainerDetails) -> Cause:
    """Return the cause that turns back an intent from a backup that is older than what it meets."""
    return Cause(
        code=ErrorCode.CONFLICT,
        message=f"container {later.id[:12]} was made by a later operation, which the database does "
        "not know: it was restored from a backup; what runs is adopted",
    )


def words_of(action: Action) -> str:
    """Return the action as a message names it."""
    return action.name.replace("_", " ")


def stop(container_id: ContainerId, address: str | None = None) -> Action:
    """Return the action that stops a container."""
    return Action(ActionName.STOP, container_id, address)


def remove(container_id: ContainerId) -> Action:
    """Return the action that removes a container which does not run."""
    return Action(ActionName.REMOVE, container_id)
