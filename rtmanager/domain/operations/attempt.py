"""A request on its way to its answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import RuntimeManagerError, error_of
from rtmanager.domain.operation import OperationRequest, Outcome
from rtmanager.domain.operations.admission import RuleCheck
from rtmanager.domain.operations.report import LogFields, logged_operation
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.tracing import OperationTrace
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request has come to: the game's record, if any, or the refusal or failure.

    With an error, `is_recorded` says whether that is certainly the outcome in the log.
    """

    record: RuntimeRecord | None = None
    error: RuntimeManagerError | None = None
    is_recorded: bool = True

    def result(self) -> RuntimeRecord | None:
        """Return the record, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.record


def record_of(completion: Completion) -> RuntimeRecord | None:
    """Return the record, or raise the error that the operation failed with."""
    if completion.outcome is Outcome.FAILURE and completion.cause is not None:
        cause = completion.cause
        raise error_of(cause.code, cause.message, detail=cause.detail)
    return completion.record


@dataclass(slots=True)
class Attempt:
    """A request with its trace and its rule, once that has what it needs.

    `since` is when the request began to wait, by the monotonic clock.
    """

    request: OperationRequest
    trace: OperationTrace
    since: float | None
    check: RuleCheck | None = field(default=None, init=False)

    def decide_by(self, check: RuleCheck) -> None:
        """Let the check decide, in the trace of the request."""
        check.trace_id = self.trace.trace_id
        self.check = check

    @property
    def refusal(self) -> RuntimeManagerError | None:
        """Why the rule has refused the request, if it has."""
        return self.check.refusal if self.check else None

    @contextmanager
    def followed(self, clock: Clock) -> Iterator[LogFields]:
        """Trace the block, which gives the answer, and log one line with the fields it adds."""
        with (
            self.trace.to_its_end(),
            logged_operation(self.request, clock, since=self.since) as line,
        ):
            yield line
