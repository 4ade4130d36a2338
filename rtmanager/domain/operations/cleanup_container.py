"""Remove the container of a stopped game: its rule and its decision. The state stays."""

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.errors import Conflict, ErrorCode, NotFound
from rtmanager.domain.operation import Cause, Operation, OperationRequest, Outcome, Phase
from rtmanager.domain.operations.decision import Current, Decision, RollBack, attempt, remove
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rollback import failed
from rtmanager.domain.ports.operation_journal import Ledger
from rtmanager.domain.runtime import RuntimeStatus


def rule(_: OperationRequest, ledger: Ledger, __: Current) -> bool:
    """Return whether there is nothing to clean up; raise Conflict while the game runs."""
    if ledger.record is None:
        raise NotFound
    if ledger.record.status is RuntimeStatus.RUNNING:
        raise Conflict("the game runs; stop it before its container is removed")
    return ledger.record.status is RuntimeStatus.REMOVED


def decide(operation: Operation, seen: Observation) -> Decision:
    """Remove every container of the game; none may be running.

    The record's container goes last: a cleanup can be repeated while others are left.
    """
    if operation.phase is Phase.BACK:
        return failed(operation, seen)
    running = next((each for each in seen.ours if each.is_running), None)
    if running is not None:
        return RollBack(_runs(running))
    for each in sorted(seen.ours, key=lambda each: each is seen.current):
        return attempt(operation, remove(each.id))
    record = seen.record and seen.record.removed(fence=operation.id, at=seen.at)
    return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=record)


def _runs(running: ContainerDetails) -> Cause:
    if running.is_out_of_reach and running.placement is not None:
        words = running.placement.down_words
        return Cause(code=ErrorCode.DOCKER_UNAVAILABLE, message=words)
    words = f"container {running.id[:12]} runs, someone has started it; stop the game first"
    return Cause(code=ErrorCode.CONFLICT, message=words)
