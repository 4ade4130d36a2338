"""Refusals of requests whose operation could not begin: which are written to the operation log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.completion import refused
from rtmanager.domain.errors import RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.messages import announcements
from rtmanager.domain.operation import Operation, OperationKind, OperationRequest, OpSource
from rtmanager.domain.operations.refusal_rate import RefusalRate
from rtmanager.domain.operations.report import LogFields, failure_fields, logged_operation
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.game_lease import LeaseBusy
from rtmanager.domain.ports.operation_journal import OperationJournal
from rtmanager.domain.ports.runtime_records import RuntimeRecords

_WHO: Mapping[OpSource, str] = {
    OpSource.GM_REST: "gm",
    OpSource.ADMIN_REST: "admin",
    OpSource.LOBBY_STREAM: "the Lobby",
    OpSource.AUTO_TTL: "the retention of containers",
    OpSource.AUTO_RECONCILE: "the reconciler",
}
_WHAT: Mapping[OperationKind, str] = {
    OperationKind.START: "start of {image}",
    OperationKind.PATCH: "patch to {image}",
}


@dataclass(frozen=True, slots=True)
class Refusals:
    """Writes refusals: of a game with a record and of a job always, of others up to a rate."""

    records: RuntimeRecords
    journal: OperationJournal
    clock: Clock
    rate: RefusalRate

    async def busy(self, request: OperationRequest, *, since: float) -> RuntimeManagerError:
        """Write the refusal of a request that others kept waiting, and return it."""
        try:
            running = await self.journal.open_operation(request.game_id)
        except ServiceUnavailable:
            running = None
        words = None if running is None else _words_of(running, self.clock.now())
        return await self.refused(request, LeaseBusy(words), since=since)

    async def refused(
        self, request: OperationRequest, error: RuntimeManagerError, *, since: float
    ) -> RuntimeManagerError:
        """Write the refusal of a request whose operation could not begin, and return it.

        `since` is when the request arrived, by the monotonic clock.
        """
        with logged_operation(request, self.clock, since=since) as line:
            line.update(failure_fields(error))
            if await self._may_record(request):
                completion = refused(error, at=self.clock.now())
                await self.journal.refuse(request, completion, announcements(request, completion))
            else:
                self.note_unrecorded(line)
        error.is_logged = True
        return error

    async def refused_for_now(
        self, request: OperationRequest, error: RuntimeManagerError, *, since: float
    ) -> RuntimeManagerError:
        """Write the refusal and return it, unless the request will be redelivered.

        Such a request keeps no outcome: the error may be over by then.
        """
        if request.origin.is_redelivered:
            return error
        return await self.refused(request, error, since=since)

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


def _words_of(running: Operation, now: datetime) -> str:
    """Say what runs, for whom and since when."""
    what = _WHAT.get(running.kind, running.kind.replace("_", " "))
    seconds = max(0, round((now - running.started_at).total_seconds()))
    return (
        f"another operation runs: {what.format(image=running.request.image_ref)} "
        f"by {_WHO[running.request.origin.source]} for {seconds} s; "
        "try again when it has finished"
    )
