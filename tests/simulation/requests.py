"""Requests of callers, and whether their answers were true."""

import asyncio
from typing import TYPE_CHECKING

from rtmanager.domain.errors import (
    DockerUnavailable,
    ErrorCode,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.operation import (
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
    Outcome,
    StopReason,
)
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.environment import Environment

_UNCLEAR = (DockerUnavailable, ServiceUnavailable)
"""Answers that leave the outcome open: the caller repeats its request."""
_WITH_IMAGE = {OperationKind.START, OperationKind.PATCH}


class Request:
    """One request: who asked for what, and how it was answered."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a request says
        self,
        environment: "Environment",
        number: int,
        kind: str,
        game: str,
        image: str,
        source: str,
    ) -> None:
        self._environment = environment
        self._kind = OperationKind(kind)
        self._image = image
        self._request = OperationRequest(
            game_id=GameId(game),
            kind=self._kind,
            origin=Origin(OpSource(source), f"r{number}"),
            image_ref=image if self._kind in _WITH_IMAGE else None,
            reason=StopReason.FINISHED if self._kind is OperationKind.STOP else None,
        )
        self._sent_at = 0
        self._task: asyncio.Task[None] | None = None

    def send(self, process: Process) -> None:
        """Send the request to a process."""
        self._sent_at = self._environment.scheduler.steps
        self._environment.invariants.oracle.asked(self._request)
        self._task = process.spawn(self._converse(process))

    def disconnect(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()

    @property
    def is_answered(self) -> bool:
        """Return whether the answer is complete."""
        return self._task is None or self._task.done()

    async def _converse(self, process: Process) -> None:
        try:
            record = await process.cases.operations.run(self._request)
        except RuntimeManagerError as error:
            self._environment.scheduler.note(f"-> {self} answered {type(error).__name__}: {error}")
            self._check_error(error)
        else:
            self._environment.scheduler.note(f"-> {self} answered {record.status}")
            self._check_success(record)

    def _check_success(self, record: RuntimeRecord) -> None:
        row = self._row()
        if row is None or row.outcome is not Outcome.SUCCESS:
            self._untrue(f"success was answered, but the log says {row and row.outcome}")
        elif row.error_code is ErrorCode.REPLAY_NO_OP and row.kind is OperationKind.START:
            self._check_replay(record)
        if record.status not in self._promised():
            self._untrue(f"success was answered with a record that is {record.status}")
        if not self._environment.truth.was_as(record, self._since(row)):
            self._untrue(f"{record.status} was answered, which was never true")

    def _check_replay(self, record: RuntimeRecord) -> None:
        current = ImageRef.parse(record.current_image_ref or "none")
        if not current.same_image_as(ImageRef.parse(self._image)):
            self._untrue(f"a replay was answered while {record.current_image_ref} runs")

    def _since(self, row: Operation | None) -> int:
        """Return since when the answer may have been true: a replayed stop observes nothing."""
        looks = self._kind in {OperationKind.START, OperationKind.PATCH, OperationKind.RESTART}
        replayed = row is not None and row.error_code is ErrorCode.REPLAY_NO_OP
        return 0 if replayed and not looks else self._sent_at

    def _promised(self) -> set[RuntimeStatus]:
        match self._kind:
            case OperationKind.STOP:
                return {RuntimeStatus.STOPPED, RuntimeStatus.REMOVED}
            case OperationKind.CLEANUP_CONTAINER:
                return {RuntimeStatus.REMOVED}
            case OperationKind.START | OperationKind.RESTART | OperationKind.PATCH:
                return {RuntimeStatus.RUNNING}
            case other:
                raise AssertionError(f"nothing says what a success of {other} promises")

    def _check_error(self, error: RuntimeManagerError) -> None:
        row = self._row()
        if isinstance(error, _UNCLEAR):
            return
        if row is None or row.outcome is not Outcome.FAILURE or row.error_code is not error.code:
            said = row and (row.outcome, row.error_code)
            self._untrue(f"{error.code} was answered, but the log says {said}")

    def _row(self) -> Operation | None:
        every = self._environment.store.operations.values()
        rows = [each for each in every if each.request.origin == self._request.origin]
        if len(rows) > 1:
            self._untrue(f"one request made {len(rows)} operations")
        return rows[-1] if rows else None

    def _untrue(self, words: str) -> None:
        self._environment.violation(f"{self}: {words}")

    def __str__(self) -> str:
        request = self._request
        return f"{request.origin.source_ref} {request.kind} {request.game_id}"
