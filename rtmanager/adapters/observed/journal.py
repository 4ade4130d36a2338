"""The operation journal, observed: it sees every operation with its steps and its outcome."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.messages import OutboxMessage
from rtmanager.domain.operation import (
    LeaseNumber,
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Outcome,
    Step,
)
from rtmanager.domain.ports.operation_journal import Applicant, Begun, Decided, OperationJournal
from rtmanager.domain.runtime import RuntimeRecord
from rtmanager.telemetry import instruments

_LOBBY, _GM, _ADMIN = OpSource.LOBBY_STREAM, OpSource.GM_REST, OpSource.ADMIN_REST
_SOURCES = {
    OperationKind.START: (_LOBBY, _GM, _ADMIN),
    OperationKind.STOP: (_LOBBY, _GM, _ADMIN),
    OperationKind.RESTART: (_GM, _ADMIN),
    OperationKind.PATCH: (_GM, _ADMIN),
    OperationKind.CLEANUP_CONTAINER: (_GM, _ADMIN, OpSource.AUTO_TTL),
    OperationKind.RECONCILE_ADOPT: (OpSource.AUTO_RECONCILE,),
    OperationKind.RECONCILE_DISPOSE: (OpSource.AUTO_RECONCILE,),
    OperationKind.RECONCILE_OBSERVED_EXIT: (OpSource.AUTO_RECONCILE,),
}
_OF_A_NEW_CONTAINER = (ErrorCode.IMAGE_PULL_FAILED, ErrorCode.CONTAINER_START_FAILED)
_FAULTS = {
    ErrorCode.INTERNAL_ERROR: tuple(_SOURCES),
    ErrorCode.DOCKER_UNAVAILABLE: tuple(_SOURCES),
    ErrorCode.SERVICE_UNAVAILABLE: tuple(_SOURCES),
    **dict.fromkeys(
        _OF_A_NEW_CONTAINER, (OperationKind.START, OperationKind.RESTART, OperationKind.PATCH)
    ),
}
"""The failures that are no fault of the caller: there from the first scrape, so that a rate of them
shows the first one too."""


def observed_journal(journal: OperationJournal) -> OperationJournal:
    """Return the journal with every outcome counted."""
    return cast("OperationJournal", _ObservedJournal(journal))


class _ObservedJournal:
    """Passes everything on, and counts what was written."""

    def __init__(self, journal: OperationJournal) -> None:
        self.wrapped = journal
        for kind, sources in _SOURCES.items():
            for source in sources:
                _count(kind, source, Outcome.SUCCESS, None, by=0)
                for code in (code for code, kinds in _FAULTS.items() if kind in kinds):
                    _count(kind, source, Outcome.FAILURE, code, by=0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    async def begin(
        self, applicants: Sequence[Applicant], *, lease: LeaseNumber, at: datetime
    ) -> Sequence[Begun | None]:
        """Begin; count what was refused, or had nothing to do."""
        begun = await self.wrapped.begin(applicants, lease=lease, at=at)
        _count_ended(each.operation for each in begun if each is not None)
        return begun

    async def conclude(
        self, decided: Sequence[Decided], record: RuntimeRecord | None, *, at: datetime
    ) -> Sequence[Begun]:
        """Conclude, and count it."""
        concluded = await self.wrapped.conclude(decided, record, at=at)
        _count_ended(each.operation for each in concluded)
        return concluded

    async def refuse(
        self,
        request: OperationRequest,
        completion: Completion,
        messages: Sequence[OutboxMessage],
    ) -> None:
        """Refuse, and count it."""
        await self.wrapped.refuse(request, completion, messages)
        _count_completion(request, completion)

    async def finish(
        self,
        operation: Operation,
        completion: Completion,
        messages: Sequence[OutboxMessage],
        *,
        lease: LeaseNumber,
    ) -> None:
        """Finish; count the outcome and time the operation and its steps."""
        await self.wrapped.finish(operation, completion, messages, lease=lease)
        _count_completion(operation.request, completion)
        _time(operation, completion)
        for event in completion.events:
            instruments.health_events.add(1, {"type": event.event_type})


def _count_ended(operations: Iterable[Operation]) -> None:
    for (kind, source, outcome, code), times in Counter(map(_labels, operations)).items():
        if outcome is not None:
            _count(kind, source, outcome, code, by=times)


def _labels(
    operation: Operation,
) -> tuple[OperationKind, OpSource, Outcome | None, ErrorCode | None]:
    source = operation.request.origin.source
    return operation.kind, source, operation.outcome, operation.error_code


def _count_completion(request: OperationRequest, completion: Completion) -> None:
    code = completion.cause.code if completion.cause else None
    _count(request.kind, request.origin.source, completion.outcome, code)


def _count(
    kind: OperationKind, source: OpSource, outcome: Outcome, code: ErrorCode | None, *, by: int = 1
) -> None:
    labels = {"kind": kind, "source": source, "outcome": outcome, "code": code or ""}
    instruments.operations.add(by, labels)


def _time(operation: Operation, completion: Completion) -> None:
    seconds = (completion.at - operation.started_at).total_seconds()
    labels = {"kind": operation.kind, "outcome": completion.outcome}
    instruments.operation_duration.record(max(0.0, seconds), labels)
    _time_steps(operation.steps)
    lost = completion.details.get("downtime_ms")
    if isinstance(lost, int | float):
        instruments.downtime.record(max(0.0, lost / 1000), {"kind": operation.kind})


def _time_steps(steps: Iterable[Step]) -> None:
    """Time the steps that were answered; one that was cut off has no duration."""
    for step in steps:
        if step.result is not None and step.duration_ms is not None:
            labels = {"action": step.action.name, "result": step.result}
            instruments.step_duration.record(step.duration_ms / 1000, labels)
