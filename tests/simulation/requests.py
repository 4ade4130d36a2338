"""Requests of callers, and whether the answers that they got were true."""

import asyncio
from typing import TYPE_CHECKING

from rtmanager.domain.errors import (
    DockerUnavailable,
    ErrorCode,
    InternalError,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.operation import (
    Operation,
    OperationKind,
    OpSource,
    Origin,
    Outcome,
    StopReason,
)
from rtmanager.domain.ports.container_engine import EngineRefused
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

_UNCLEAR = (DockerUnavailable, EngineRefused, ServiceUnavailable)
"""Answers that leave open what happened: the caller repeats its request."""


class Request:
    """One request: who asked for what, and what came of it."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a request says
        self, universe: "Universe", number: int, kind: str, game: str, image: str, source: str
    ) -> None:
        self._universe = universe
        self.origin = Origin(OpSource(source), f"r{number}")
        self.kind, self.game_id, self.image = kind, GameId(game), image
        self._sent_at = 0
        self._task: asyncio.Task[None] | None = None

    def send(self, process: Process) -> None:
        """Send the request to a process."""
        self._sent_at = self._universe.scheduler.steps
        self._task = process.spawn(self._converse(process))

    def disconnect(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()

    @property
    def is_answered(self) -> bool:
        """Tell whether nobody works on the answer any more."""
        return self._task is None or self._task.done()

    async def _converse(self, process: Process) -> None:
        try:
            record = await self._ask(process)
        except RuntimeManagerError as error:
            self._universe.scheduler.note(f"-> {self} answered {type(error).__name__}: {error}")
            self._judge_error(error)
        else:
            self._universe.scheduler.note(f"-> {self} answered {record.status}")
            self._judge_success(record)

    async def _ask(self, process: Process) -> RuntimeRecord:
        cases = process.cases
        match self.kind:
            case "start":
                return await cases.start.run(self.game_id, self.image, self.origin)
            case "stop":
                return await cases.stop.run(self.game_id, StopReason.FINISHED, self.origin)
            case "restart":
                return await cases.restart.run(self.game_id, self.origin)
            case "patch":
                return await cases.patch.run(self.game_id, self.image, self.origin)
            case _:
                return await cases.cleanup.run(self.game_id, self.origin)

    def _judge_success(self, record: RuntimeRecord) -> None:
        row = self._row()
        if row is None or row.outcome is not Outcome.SUCCESS:
            self._lie(f"success was answered, but the log says {row and row.outcome}")
        elif row.error_code is ErrorCode.REPLAY_NO_OP and row.kind is OperationKind.START:
            self._judge_replay(record)
        if record.status not in self._promised():
            self._lie(f"success was answered with a record that is {record.status}")
        if not self._universe.truth.was_as(record, self._since(row)):
            self._lie(f"{record.status} was answered, and never was so")

    def _judge_replay(self, record: RuntimeRecord) -> None:
        current = ImageRef.parse(record.current_image_ref or "none")
        if not current.same_image_as(ImageRef.parse(self.image)):
            self._lie(f"a replay was answered while {record.current_image_ref} runs")

    def _since(self, row: Operation | None) -> int:
        """Return from when on the answer must have been true: a replayed stop does not look."""
        looks = self.kind in {"start", "patch", "restart"}
        replayed = row is not None and row.error_code is ErrorCode.REPLAY_NO_OP
        return 0 if replayed and not looks else self._sent_at

    def _promised(self) -> set[RuntimeStatus]:
        match self.kind:
            case "stop":
                return {RuntimeStatus.STOPPED, RuntimeStatus.REMOVED}
            case "cleanup":
                return {RuntimeStatus.REMOVED}
            case _:
                return {RuntimeStatus.RUNNING}

    def _judge_error(self, error: RuntimeManagerError) -> None:
        row = self._row()
        if isinstance(error, InternalError):
            self._lie(f"a fault of the program: {error} {error.__cause__!r}")
        if isinstance(error, _UNCLEAR):
            return
        if row is None or row.outcome is not Outcome.FAILURE or row.error_code is not error.code:
            said = row and (row.outcome, row.error_code)
            self._lie(f"{error.code} was answered, but the log says {said}")

    def _row(self) -> Operation | None:
        every = self._universe.store.operations.values()
        rows = [each for each in every if each.request.origin == self.origin]
        if len(rows) > 1:
            self._lie(f"one request made {len(rows)} operations")
        return rows[-1] if rows else None

    def _lie(self, words: str) -> None:
        self._universe.violation(f"{self}: {words}")

    def __str__(self) -> str:
        return f"{self.origin.source_ref} {self.kind} {self.game_id}"
