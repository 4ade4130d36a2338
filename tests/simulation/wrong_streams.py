"""Parts of the streams as they must not be, each to be put in the place of the right one."""

# ruff: noqa: SLF001 - wrong parts reach into what they break

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import cast

from rtmanager.adapters.in_memory.message_publisher import InMemoryMessagePublisher
from rtmanager.adapters.in_memory.outbox_table import OutboxTable
from rtmanager.adapters.in_memory.store import InMemoryOperationJournal
from rtmanager.domain.announcements import Ending, announcements
from rtmanager.domain.errors import ErrorCode, RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.operation import OperationKind, OperationRequest, OpSource, Origin, Outcome
from rtmanager.domain.outbox import OutboxMessage, OutboxStream
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, StartJob, StopJob
from rtmanager.domain.ports.operation_journal import JobAlreadyRecorded
from rtmanager.domain.ports.outbox import OutboxBatch, RelayFence
from rtmanager.domain.supervision.handle_job import HandleJob
from rtmanager.workers.job_consumer import JobConsumer, Queue

_right_carry_out = HandleJob._carry_out
_KINDS = {JobKind.START: OperationKind.START, JobKind.STOP: OperationKind.STOP}


async def acknowledge_first(
    self: HandleJob, entry: JobEntry, job: StartJob | StopJob, game_id: GameId
) -> None:
    """Acknowledge before the outcome is written: whoever dies between has lost the job."""
    await self.jobs.acknowledge(entry)
    await _right_carry_out(self, entry, job, game_id)


async def publish_and_mark_apart(self: InMemoryMessagePublisher, batch: OutboxBatch) -> None:
    """Add the entries first and the markers afterwards."""
    await self.gate("publisher.publish")
    fresh = [row for row in batch.rows if row.token not in self.streams.markers]
    self.streams.published.extend(row.message for row in fresh)
    await self.gate("publisher.publish:done")
    self.streams.markers.update(row.token for row in fresh)


def announce_without_result(
    request: OperationRequest, ending: Ending, events: Iterable[HealthEvent] = ()
) -> list[OutboxMessage]:
    """Leave a valid job's result out of the outcome's messages: the handler is to tell it."""
    messages = announcements(request, ending, events)
    if request.origin.source_ref.startswith("r") or ending.error_code is ErrorCode.INVALID_REQUEST:
        return messages  # it did not come through the stream, or is malformed
    return [each for each in messages if each.stream is not OutboxStream.JOB_RESULTS]


async def tell_from_memory(
    self: HandleJob, entry: JobEntry, job: StartJob | StopJob, game_id: GameId
) -> None:
    """Write the result in a transaction of its own, by what the use case answered."""
    error: RuntimeManagerError | None = None
    try:
        origin = Origin(OpSource.LOBBY_STREAM, entry.entry_id)
        if isinstance(job, StartJob):
            await self.start.run(game_id, job.image_ref, origin)
        else:
            await self.stop.run(game_id, job.reason, origin)
    except JobAlreadyRecorded:
        return
    except RuntimeManagerError as failure:
        error = failure
        await self._demand_outcome(entry, game_id, failure)
    request = OperationRequest(
        game_id=game_id,
        kind=_KINDS[entry.kind],
        origin=Origin(OpSource.LOBBY_STREAM, entry.entry_id),
    )
    journal = cast("InMemoryOperationJournal", self.journal)
    await journal.store.gate("store.tell")
    now = self.clock.now()
    journal.store.outbox_table.insert(_result(request, error, now), at=now)


def _result(
    request: OperationRequest, error: RuntimeManagerError | None, at: datetime
) -> list[OutboxMessage]:
    code: ErrorCode | None = error.code if error else None
    outcome = Outcome.FAILURE if error else Outcome.SUCCESS
    ending = Ending(outcome=outcome, error_code=code, at=at)
    messages = announcements(request, ending)
    return [each for each in messages if each.stream is OutboxStream.JOB_RESULTS]


def lend_to_anyone(self: OutboxTable, limit: int) -> tuple[OutboxBatch, object | None]:
    """Lend what is unsent, whether or not another has it, and without a fence."""
    unsent = [row for row in self._rows() if row.id not in self.sent_at]
    return OutboxBatch(RelayFence(0), unsent[:limit]), None


def take_each_by_itself(
    self: JobConsumer, entries: Iterable[JobEntry], begin: Callable[[Queue, str], None]
) -> None:
    """Give each job a worker of its own, beside those of the same game."""
    for entry in entries:
        if (entry.kind, entry.entry_id) in self._taken:
            continue
        self._taken.add((entry.kind, entry.entry_id))
        self._queues[entry.entry_id] = deque([entry])
        begin(self._queues[entry.entry_id], entry.entry_id)


def accept_any_job(self: InMemoryOperationJournal, request: OperationRequest) -> None:
    """Let a job that is in the log already begin once more."""
