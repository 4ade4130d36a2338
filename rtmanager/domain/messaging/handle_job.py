"""Handling the next jobs of a game, each with exactly one result."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from rtmanager.domain.completion import refused
from rtmanager.domain.errors import InvalidRequest, RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.game_id import GAME_ID_RULE, GameId, parse_game_id
from rtmanager.domain.messages import announcements
from rtmanager.domain.operation import Operation, OperationKind, OperationRequest, OpSource, Origin
from rtmanager.domain.operations.attempt import Answer
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.operations.refusal_rate import RefusalRate
from rtmanager.domain.ports.job_stream import (
    JobEntry,
    JobKind,
    JobStream,
    MalformedJob,
    StartJob,
    StopJob,
)
from rtmanager.domain.ports.operation_journal import JobAlreadyRecorded
from rtmanager.domain.texts import printable, printable_or_none

logger = logging.getLogger(__name__)

_KINDS = {JobKind.START: OperationKind.START, JobKind.STOP: OperationKind.STOP}

LINES_AT_ONCE, LINES_PER_SECOND = 20, 0.1
"""How many malformed jobs have a log line: whoever can write to the streams could fill the disk."""

LEASE_WAIT = 300.0
"""Seconds that a job waits for other operations on its game: no caller waits for its reply."""


class JobUnfinished(ServiceUnavailable):
    """the job has no outcome yet; it is tried again."""


@dataclass(frozen=True, slots=True)
class HandleJob:
    """Runs the operation a job asks for, and acknowledges the job once its outcome is written.

    The operation log is the source of truth: its row, unique per job, is written together with the
    result, so a job that is delivered again, to any replica, is run and answered once.
    """

    jobs: JobStream
    operations: Operations
    lease_wait: float = LEASE_WAIT
    _lines: RefusalRate = field(init=False)

    def __post_init__(self) -> None:
        rate = RefusalRate(self.operations.clock, LINES_AT_ONCE, LINES_PER_SECOND)
        object.__setattr__(self, "_lines", rate)

    async def run(self, entries: Sequence[JobEntry]) -> int:
        """Handle the next entries of a game, in order; return how many of them have an outcome.

        That is at least one: the others were left for the next call. Raises ServiceUnavailable when
        the first cannot have one now; nothing is acknowledged then, and the entries must be handled
        again.
        """
        requests = _leading(entries)
        if not requests:
            await self._refuse(entries[0], _malformed(entries[0].job))
            return 1
        done = await self._execute(entries, requests)
        await self.jobs.acknowledge(entries[:done])
        return done

    async def _execute(
        self, entries: Sequence[JobEntry], requests: Sequence[OperationRequest]
    ) -> int:
        """Run the jobs' operations; return how many of the first have an outcome."""
        done = 0
        for entry, answer in zip(entries, await self._answers(requests), strict=False):
            try:
                if not answer.is_recorded:
                    await self._demand_outcome(entry, requests[0].game_id, answer.error)
            except RuntimeManagerError:
                if not done:
                    raise
                break  # it is the first next time
            done += 1
        return done

    async def _answers(self, requests: Sequence[OperationRequest]) -> Sequence[Answer]:
        try:
            return await self.operations.run_next(requests, wait=self.lease_wait)
        except RuntimeManagerError as error:
            return [Answer(error=error, is_recorded=False)]

    async def _demand_outcome(
        self, entry: JobEntry, game_id: GameId, error: RuntimeManagerError | None
    ) -> None:
        """Check that the job has an outcome; resume its operation if that was left open."""
        operation = await self._find(entry)
        if operation is not None and operation.outcome is None:
            await self.operations.resume(game_id)
            operation = await self._find(entry)
        if operation is None or operation.outcome is None:
            raise JobUnfinished(error.message if error else None) from error

    async def _find(self, entry: JobEntry) -> Operation | None:
        return await self.operations.journal.find_by_job(_KINDS[entry.kind], entry.entry_id)

    async def _refuse(self, entry: JobEntry, job: MalformedJob) -> None:
        """Answer a malformed entry if its game is known, and dead-letter it in any case."""
        if job.game_id is not None:
            await self._record_refusal(entry, GameId(job.game_id), job.fault)
        await self.jobs.dead_letter(entry, job.fault)
        if self._lines.admits():
            _log_refusal(entry, job, unlogged=self._lines.unrecorded)

    async def _record_refusal(self, entry: JobEntry, game_id: GameId, fault: str) -> None:
        request = OperationRequest(game_id=game_id, kind=_KINDS[entry.kind], origin=_origin(entry))
        completion = refused(InvalidRequest(fault), at=self.operations.clock.now())
        try:
            await self.operations.journal.refuse(
                request, completion, announcements(request, completion)
            )
        except JobAlreadyRecorded:
            return  # delivered again: the result is in the outbox or sent


def _log_refusal(entry: JobEntry, job: MalformedJob, *, unlogged: int) -> None:
    """Log a malformed job, which no operation does: none has run.

    `unlogged` is how many have had no line because they were too many.
    """
    fields: dict[str, object] = {
        "game_id": printable_or_none(job.game_id),
        "kind": _KINDS[entry.kind],
        "source": OpSource.LOBBY_STREAM,
        "source_ref": entry.entry_id,
        "error_code": InvalidRequest.code,
        "error": printable(job.fault),
    }
    logger.warning("job_refused", extra=fields | ({"unlogged": unlogged} if unlogged else {}))


def _malformed(job: StartJob | StopJob | MalformedJob) -> MalformedJob:
    if isinstance(job, MalformedJob):
        return job
    return MalformedJob(job.game_id, f"game_id is not {GAME_ID_RULE}")


def _leading(entries: Sequence[JobEntry]) -> list[OperationRequest]:
    """Return what the entries before the first malformed one ask for."""
    requests = []
    for each in entries:
        request = _request(each)
        if request is None:
            break
        requests.append(request)
    return requests


def _request(entry: JobEntry) -> OperationRequest | None:
    """Return what the job asks for; None if it is malformed."""
    job = entry.job
    game_id = None if isinstance(job, MalformedJob) else parse_game_id(job.game_id)
    if isinstance(job, MalformedJob) or game_id is None:
        return None
    return OperationRequest(
        game_id=game_id,
        kind=_KINDS[entry.kind],
        origin=_origin(entry),
        image_ref=job.image_ref if isinstance(job, StartJob) else None,
        reason=job.reason if isinstance(job, StopJob) else None,
    )


def _origin(entry: JobEntry) -> Origin:
    return Origin(OpSource.LOBBY_STREAM, entry.entry_id)
