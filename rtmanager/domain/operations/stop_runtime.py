"""Stop a game's engine: its rule and its decision. The container and the state stay."""

from rtmanager.domain.completion import Completion
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
from rtmanager.domain.runtime import RuntimeStatus, as_observed


def rule(_: OperationRequest, ledger: Ledger, current: Current) -> bool:
    """Return whether a stop has nothing to do; raise NotFound for a game never started."""
    if ledger.record is None:
        raise NotFound
    if ledger.record.status is not RuntimeStatus.RUNNING:
        return True
    # Without Docker refuse now: a stop that has begun stays open until Docker is back.
    current.runs()
    return False


def decide(operation: Operation, seen: Observation) -> Decision:
    """Stop whatever engine of the game runs; the record becomes stopped, or removed without one.

    Usually that is the record's container; it may be one that somebody put in its place.
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
    record = seen.record and as_observed(seen.record, seen.current, fence=operation.id, at=seen.at)
    found = f"exit code {seen.current.exit_code}" if seen.current else "the container was gone"
    return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=record, details={"found": found})
