"""What rules and decisions return, and how often an action is attempted."""

from collections.abc import Callable
from dataclasses import dataclass

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.errors import ErrorCode, RuntimeManagerError
from rtmanager.domain.operation import Action, ActionName, Cause, Operation, OperationRequest
from rtmanager.domain.ports.operation_journal import Ledger

MAX_ATTEMPTS = 3
"""An action that was answered this many times and is still needed has no lasting effect."""

_HOLDERS_OWN = {ActionName.OBTAIN_IMAGE, ActionName.PREPARE_STATE, ActionName.WATCH_GATE}
"""Their results are not durable: each holder of the operation repeats them."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Roll back. `logs_of` is the container whose last output explains the cause."""

    cause: Cause
    logs_of: ContainerId | None = None


Decision = Action | RollBack | Completion


def attempt(operation: Operation, action: Action) -> Action | RollBack:
    """Return the action, or the rollback if it was refused or has no lasting effect.

    A refusal counts only if nothing was done since then: its reason may be gone.
    """
    refusal = operation.refusal(action)
    if refusal is not None:
        return RollBack(refusal)
    if action.name not in _HOLDERS_OWN and operation.attempts(action) >= MAX_ATTEMPTS:
        words = f"{words_of(action)} has no lasting effect: someone else changes the container"
        return RollBack(Cause(code=ErrorCode.CONFLICT, message=words))
    return action


def overtaken_by(later: ContainerDetails) -> Cause:
    """Return the cause for rolling back an intent that came from an outdated backup."""
    return Cause(
        code=ErrorCode.CONFLICT,
        message=f"container {later.id[:12]} was made by a later operation, which the database does "
        "not know: it was restored from a backup; what runs is adopted",
    )


def words_of(action: Action) -> str:
    """Return the action's name for use in a message."""
    return action.name.replace("_", " ")


def stop(container_id: ContainerId, address: str | None = None) -> Action:
    """Return the action that stops the container."""
    return Action(ActionName.STOP, container_id, address)


def remove(container_id: ContainerId) -> Action:
    """Return the action that removes the container, which must not be running."""
    return Action(ActionName.REMOVE, container_id)


@dataclass(frozen=True, slots=True)
class Current:
    """The record's container when a request arrives: running, not running, or unknown."""

    container: ContainerDetails | None = None
    error: RuntimeManagerError | None = None

    def runs(self) -> bool:
        """Return whether the engine runs; raise the error if that is unknown."""
        if self.error is not None:
            raise self.error
        return self.container is not None and self.container.is_running


Rule = Callable[[OperationRequest, Ledger, Current], bool]
"""Pure. Returns True for a replay, False to begin the operation; raises an error to refuse."""


def always_admit(_: OperationRequest, __: Ledger, ___: Current) -> bool:
    """Admit every reconciliation: its drift was found under the same lease."""
    return False
