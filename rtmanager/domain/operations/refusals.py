"""Refusals of requests whose operation could not begin: which are written to the operation log."""

from dataclasses import dataclass

from rtmanager.domain.completion import refused
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.messages import announcements
from rtmanager.domain.operation import OperationRequest
from rtmanager.domain.operations.refusal_rate import RefusalRate
from rtmanager.domain.operations.report import LogFields, failure_fields, logged_operation
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.operation_journal import OperationJournal
from rtmanager.domain.ports.runtime_records import RuntimeRecords


@dataclass(frozen=True, slots=True)
class Refusals:
    """Writes refusals: of a game with a record and of a job always, of others up to a rate."""

    records: RuntimeRecords
    journal: OperationJournal
    clock: Clock
    rate: RefusalRate

    async def refused(
        self, request: OperationRequest, error: RuntimeManagerError
    ) -> RuntimeManagerError:
        """Write the refusal of a request whose operation could not begin, and return it."""
        with logged_operation(request, self.clock) as line:
            line.update(failure_fields(error))
            if await self._may_record(request):
                completion = refused(error, at=self.clock.now())
                await self.journal.refuse(request, completion, announcements(request, completion))
            else:
                self.note_unrecorded(line)
        return error

    async def refused_for_now(
        self, request: OperationRequest, error: RuntimeManagerError
    ) -> RuntimeManagerError:
        """Write the refusal and return it, unless the request will be redelivered.

        Such a request keeps no outcome: the error may be over by then.
        """
        return error if request.origin.is_redelivered else await self.refused(request, error)

    def may_record_new(self, request: OperationRequest) -> bool:
        """Return whether the refusal of a game without a record may be written.

        A job's always is: its row is what makes its one result.
        """
        return request.origin.is_redelivered or self.rate.admits()

    def note_unrecorded(self, line: LogFields) -> None:
        """Add to the log line how many refusals of this process have no row."""
        line["unrecorded"] = self.rate.unrecorded

    async def _may_record(self, request: OperationRequest) -> bool:
        known = await self.records.get(request.game_id)
        return known is not None or self.may_record_new(request)
