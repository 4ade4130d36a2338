"""Carrying out one job of the Game Lobby, to exactly one result."""

from dataclasses import dataclass

from rtmanager.domain.errors import InvalidRequest, RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.game_id import GAME_ID_RULE, GameId, parse_game_id
from rtmanager.domain.lifecycle.ruling import refused
from rtmanager.domain.lifecycle.start_runtime import StartRuntime
from rtmanager.domain.lifecycle.stop_runtime import StopRuntime
from rtmanager.domain.operation import OperationKind, OperationRequest, OpSource, Origin
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.job_stream import (
    JobEntry,
    JobKind,
    JobStream,
    MalformedJob,
    StartJob,
    StopJob,
)
from rtmanager.domain.ports.operation_journal import JobAlreadyRecorded, OperationJournal
from rtmanager.domain.supervision.heal_game import HealGame

_KINDS = {JobKind.START: OperationKind.START, JobKind.STOP: OperationKind.STOP}


class JobUnfinished(ServiceUnavailable):
    """the job has no outcome yet; it is tried again."""


@dataclass(frozen=True, slots=True)
class HandleJob:
    """Runs the use case that a job asks for, and acknowledges the job once its outcome is written.

    The operation log decides what has happened: its row, unique per job, is written together with
    the result, so a job that is delivered again, to whomever, is carried out and answered once.
    """

    jobs: JobStream
    start: StartRuntime
    stop: StopRuntime
    journal: OperationJournal
    heal: HealGame
    clock: Clock

    async def run(self, entry: JobEntry) -> None:
        """Handle the entry to its end.

        Raises ServiceUnavailable when that is not possible now, having acknowledged nothing: the
        entry is to be handled again.
        """
        if isinstance(entry.job, MalformedJob):
            await self._refuse(entry, entry.job)
            return
        game_id = parse_game_id(entry.job.game_id)
        if game_id is None:
            fault = f"game_id is not {GAME_ID_RULE}"
            await self._refuse(entry, MalformedJob(entry.job.game_id, fault))
            return
        await self._carry_out(entry, entry.job, game_id)
        await self.jobs.acknowledge(entry)

    async def _carry_out(self, entry: JobEntry, job: StartJob | StopJob, game_id: GameId) -> None:
        try:
            if isinstance(job, StartJob):
                await self.start.run(game_id, job.image_ref, _origin(entry))
            else:
                await self.stop.run(game_id, job.reason, _origin(entry))
        except RuntimeManagerError as error:
            await self._demand_outcome(entry, game_id, error)

    async def _demand_outcome(
        self, entry: JobEntry, game_id: GameId, error: RuntimeManagerError
    ) -> None:
        """Look whether the job has its outcome; settle it when it was left open."""
        operation = await self.journal.of_job(_KINDS[entry.kind], entry.entry_id)
        if operation is not None and operation.outcome is None:
            await self.heal.run(game_id, f"job {entry.entry_id}")
            operation = await self.journal.of_job(_KINDS[entry.kind], entry.entry_id)
        if operation is None or operation.outcome is None:
            raise JobUnfinished(error.message) from error

    async def _refuse(self, entry: JobEntry, job: MalformedJob) -> None:
        """Answer a malformed entry where its game is known, and bury it in any case."""
        if job.game_id is not None:
            await self._record_refusal(entry, GameId(job.game_id), job.fault)
        await self.jobs.bury(entry, job.fault)

    async def _record_refusal(self, entry: JobEntry, game_id: GameId, fault: str) -> None:
        request = OperationRequest(game_id=game_id, kind=_KINDS[entry.kind], origin=_origin(entry))
        at = self.clock.now()
        try:
            await self.journal.refuse(
                request, refused(request, InvalidRequest(fault), at=at), at=at
            )
        except JobAlreadyRecorded:
            return  # delivered again: the result is in the outbox or sent


def _origin(entry: JobEntry) -> Origin:
    return Origin(OpSource.LOBBY_STREAM, entry.entry_id)
