"""The rule and the decision of a stop, which keeps the container and the state."""

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.errors import ErrorCode, NotFound
from rtmanager.domain.operation import Cause, Operation, OperationRequest, Outcome, Phase
from rtmanager.domain.operations.decision import (
    Current,
    Decision,
    RollBack,
    attempt,
    overtaken_by,
    stop,
)
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rollback import failed
from rtmanager.domain.ports.operation_journal import Ledger
from rtmanager.domain.runtime import RuntimeStatus, as_ended


def rule(_: OperationRequest, ledger: Ledger, current: Current) -> bool:
    """Return whether the stop is a replay; raise NotFound for a game that was never started."""
    if ledger.record is None:
        raise NotFound
    if ledger.record.status is not RuntimeStatus.RUNNING:
        return True
    # Refuse without Docker: a stop that has begun would stay open until Docker is back.
    current.runs()
    return False


def decide(operation: Operation, seen: Observation) -> Decision:
    """Stop the game's running engine; record the game as stopped, or removed without a container.

    Usually that is the record's container, but someone may have put another in its place.
    """
    if operation.phase is Phase.BACK:
        return failed(operation, seen)
    later = seen.overtaking(operation)
    if later is not None:
        return RollBack(overtaken_by(later))
    running = next((each for each in seen.ours if each.is_running), None)
    if running is None:
        return _stopped(operation, seen)
    decision = attempt(operation, stop(running.id))
    if isinstance(decision, RollBack) and decision.cause.code is ErrorCode.CONFLICT:
        words = "someone started the engine again while it was stopped; try again"
        return RollBack(Cause(code=ErrorCode.CONFLICT, message=words))
    return decision


def _stopped(operation: Operation, seen: Observation) -> Completion:
    record = seen.record and as_ended(seen.record, seen.current, fence=operation.id, at=seen.at)
    details = {"found": _found(seen.current)}
    return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=record, details=details)


def _found(current: ContainerDetails | None) -> str:
    if current is None:
        return "the container was gone"
    if current.is_lost:
        return f"lost with {current.node_name}"
    return f"exit code {'unknown' if current.exit_code is None else current.exit_code}"
