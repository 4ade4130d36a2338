"""Wrong parts of the streams, each of which replaces the right one in a mutant."""

# ruff: noqa: SLF001 - wrong parts reach into what they break

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import cast

from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.adapters.in_memory.outbox import OutboxTable
from rtmanager.adapters.in_memory.streams import InMemoryMessagePublisher
from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import ErrorCode, RuntimeManagerError
from rtmanager.domain.messages import OutboxMessage, OutboxStream, announcements
from rtmanager.domain.messaging.handle_job import HandleJob
from rtmanager.domain.operation import Cause, OperationRequest, Outcome
from rtmanager.domain.ports.job_stream import JobEntry
from rtmanager.domain.ports.operation_journal import (
    Admission,
    Applicant,
    JobAlreadyRecorded,
    Ledger,
)
from rtmanager.domain.ports.outbox import OutboxBatch, RelayFence
from rtmanager.workers.jobs import JobConsumer, Queue
from tests.simulation.process_parts import PROCESS

_right_execute, _right_run = HandleJob._execute, HandleJob.run


async def acknowledge_first(
    self: HandleJob, entries: Sequence[JobEntry], requests: Sequence[OperationRequest]
) -> int:
    """Acknowledge before the outcome is written: a process that dies in between loses the jobs."""
    await self.jobs.acknowledge(entries[: len(requests)])
    return await _right_execute(self, entries, requests)


async def acknowledge_all(self: HandleJob, entries: Sequence[JobEntry]) -> int:
    """Acknowledge whatever was handed over once the first of it is done."""
    done = await _right_run(self, entries)
    await self.jobs.acknowledge(entries)
    return done


def decide_despite_work(
    self: InMemoryOperationJournal, applicants: Sequence[Applicant], ledger: Ledger
) -> list[tuple[OperationRequest, Admission | None]]:
    """Decide on every request by the same record, although one before it changes that."""
    return [
        (each.request, None if self._is_recorded(each.request) else each(ledger))
        for each in applicants
    ]


async def publish_and_mark_apart(self: InMemoryMessagePublisher, batch: OutboxBatch) -> None:
    """Add the entries first and the markers afterwards."""
    fresh = [row for row in batch.rows if row.token not in self.streams.markers]
    self.streams.published.extend(row.message for row in fresh)
    await PROCESS.get().park("publisher.publish:done")
    self.streams.markers.update(row.token for row in fresh)


async def publish_stale(self: InMemoryMessagePublisher, batch: OutboxBatch) -> None:
    """Publish although another relay has published in the meantime."""
    for row in batch.rows:
        if row.token not in self.streams.markers:
            self.streams.markers.add(row.token)
            self.streams.published.append(row.message)


def announce_without_result(
    request: OperationRequest, completion: Completion, *, is_new_game: bool = False
) -> list[OutboxMessage]:
    """Leave a valid job's result out of the outcome's messages: the handler is to write it."""
    messages = announcements(request, completion, is_new_game=is_new_game)
    code = completion.cause.code if completion.cause else None
    if request.origin.source_ref.startswith("r") or code is ErrorCode.INVALID_REQUEST:
        return messages  # it did not come through the stream, or is malformed
    return [each for each in messages if each.stream is not OutboxStream.JOB_RESULTS]


async def result_from_memory(
    self: HandleJob, entries: Sequence[JobEntry], requests: Sequence[OperationRequest]
) -> int:
    """Write the first result in a transaction of its own, from the operation's answer."""
    request = requests[0]
    error: RuntimeManagerError | None = None
    try:
        await self.operations.run(request, wait=self.lease_wait)
    except JobAlreadyRecorded:
        return 1
    except RuntimeManagerError as failure:
        error = failure
        await self._demand_outcome(entries[0], request.game_id, failure)
    journal = cast("InMemoryOperationJournal", self.operations.journal)
    await PROCESS.get().park("store.result")
    now = self.operations.clock.now()
    journal.store.outbox_table.insert(_result(request, error, now), at=now)
    return 1


def _result(
    request: OperationRequest, error: RuntimeManagerError | None, at: datetime
) -> list[OutboxMessage]:
    outcome = Outcome.FAILURE if error else Outcome.SUCCESS
    cause = Cause.of(error) if error else None
    messages = announcements(request, Completion(outcome=outcome, at=at, cause=cause))
    return [each for each in messages if each.stream is OutboxStream.JOB_RESULTS]


def lend_to_anyone(
    self: OutboxTable,
    limit: int,
    *,
    now: datetime,  # noqa: ARG001 - as the right one
) -> tuple[OutboxBatch, object | None]:
    """Lend unsent messages, whether or not another relay has them, and without a fence."""
    unsent = [row for row in self._rows() if row.id not in self.sent_at]
    return OutboxBatch(RelayFence(0), unsent[:limit]), None


def take_each_by_itself(
    self: JobConsumer, entries: Iterable[JobEntry], begin: Callable[[Queue, str], None]
) -> None:
    """Give each job a worker of its own, alongside those of the same game."""
    for entry in entries:
        if (entry.kind, entry.entry_id) in self._taken:
            continue
        self._taken.add((entry.kind, entry.entry_id))
        self._queues[entry.entry_id] = deque([entry])
        begin(self._queues[entry.entry_id], entry.entry_id)


def know_no_job(*_: object) -> bool:
    """Let a job begin that is already in the log."""
    return False
