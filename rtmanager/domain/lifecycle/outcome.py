"""From a run that has ended to what its outcome transaction writes."""

from rtmanager.domain.announcements import Ending, announcements
from rtmanager.domain.errors import ContainerStartFailed, RuntimeManagerError
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.operation import Outcome
from rtmanager.domain.ports.operation_journal import OperationResult
from rtmanager.domain.runtime import RuntimeRecord


def success(run: OperationRun, record: RuntimeRecord | None) -> OperationResult:
    """Return the result of an operation that did what it was asked for."""
    return _result(run, Ending(outcome=Outcome.SUCCESS, record=record, at=run.clock.now()))


def failure(
    run: OperationRun, error: RuntimeManagerError, record: RuntimeRecord | None
) -> OperationResult:
    """Return the result of an operation that failed and left the game as `record` says."""
    if isinstance(error, ContainerStartFailed):
        run.details["exit_code"] = error.exit_code
        run.details["log_tail"] = list(error.log_tail)
    ending = Ending(
        outcome=Outcome.FAILURE,
        error_code=error.code,
        error_message=error.message,
        record=record,
        at=run.clock.now(),
    )
    return _result(run, ending)


def _result(run: OperationRun, ending: Ending) -> OperationResult:
    record = ending.record
    return OperationResult(
        operation_id=run.fence,
        game_id=run.operation.game_id,
        outcome=ending.outcome,
        finished_at=ending.at,
        record=None if record is run.record else record,
        container_id=(record and record.current_container_id) or run.container_id,
        error_code=ending.error_code,
        error_message=ending.error_message,
        steps=tuple(run.steps),
        details=dict(run.details),
        events=tuple(run.events),
        messages=announcements(run.operation.request, ending, run.events),
    )
