"""The one protocol under which every operation runs.

Lease, intent, effect, outcome (DESIGN section 3). Kill the process between any two awaits and the
next operation on the game, or the reconciler, completes or undoes what it finds.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rtmanager.domain.errors import DockerUnavailable, InternalError, RuntimeManagerError
from rtmanager.domain.lifecycle.in_flight import InFlight
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.outcome import failure, success
from rtmanager.domain.lifecycle.recovery import Recovery
from rtmanager.domain.lifecycle.ruling import Rule, Ruling, Sighting, refused
from rtmanager.domain.lifecycle.settle_operation import SettleOperation
from rtmanager.domain.operation import OperationRequest, Outcome
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_engine import ContainerEngine, EngineRefused
from rtmanager.domain.ports.game_lease import GameLease, GameLeases, LeaseBusy, LeaseLost
from rtmanager.domain.ports.operation_journal import (
    Begun,
    OperationJournal,
    OperationResult,
    OperationStillOpen,
)
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

logger = logging.getLogger(__name__)

Effect = Callable[[OperationRun], Awaitable[RuntimeRecord]]
"""Does the work in Docker and returns the record that is true then."""


@dataclass(frozen=True, slots=True)
class OperationProtocol:
    """Runs an operation so that it is crash-consistent, serialised per game and never lost."""

    leases: GameLeases
    records: RuntimeRecords
    journal: OperationJournal
    engine: ContainerEngine
    recovery: Recovery
    settlement: SettleOperation
    clock: Clock
    in_flight: InFlight
    lease_wait: float

    async def run(
        self, request: OperationRequest, rule: Rule, effect: Effect, *, look: bool = False
    ) -> RuntimeRecord:
        """Carry the operation out and return the game's record.

        `look` shows the rule whether the engine of a running record really runs. The operation
        goes on to its end when the caller is cancelled. Raises what the rule or the effect raises,
        and LeaseBusy after waiting for other operations on the game.
        """
        work = self._logged(request, rule, effect, look=look)
        return await self.in_flight.run(work, name=f"{request.kind} {request.game_id}")

    async def _logged(
        self, request: OperationRequest, rule: Rule, effect: Effect, *, look: bool
    ) -> RuntimeRecord:
        """Run, and write the one log line that every operation gets."""
        line, began = _line(request), self.clock.monotonic()
        try:
            record = await self._run(request, rule, effect, line, look=look)
        except RuntimeManagerError as error:
            line |= {"outcome": Outcome.FAILURE, "error_code": error.code, "error": error.message}
            raise
        finally:
            line["duration_ms"] = round((self.clock.monotonic() - began) * 1000, 3)
            logger.info("operation", extra=line)
        return record

    async def _run(
        self,
        request: OperationRequest,
        rule: Rule,
        effect: Effect,
        line: dict[str, object],
        *,
        look: bool,
    ) -> RuntimeRecord:
        try:
            async with self.leases.hold(request.game_id, wait=self.lease_wait) as lease:
                begun = await self._begin_settled(request, rule, lease, look=look)
                line |= {"operation_id": begun.operation.id, "outcome": Outcome.SUCCESS}
                return await self._carry_out(begun, lease, effect, line)
        except LeaseBusy as busy:
            raise await self._refused(request, busy) from None

    async def _begin_settled(
        self, request: OperationRequest, rule: Rule, lease: GameLease, *, look: bool
    ) -> Begun:
        try:
            return await self._begin(request, rule, look=look)
        except OperationStillOpen:
            await self._settle_earlier(request, lease)
            return await self._begin(request, rule, look=look)

    async def _settle_earlier(self, request: OperationRequest, lease: GameLease) -> None:
        """Settle what an earlier process left open, before any rule is asked."""
        operation = await self.journal.open_operation(request.game_id)
        if operation is None:
            return
        try:
            await self.settlement.run(operation, lease)
        except (DockerUnavailable, EngineRefused) as trouble:
            trouble.extend(f"operation {operation.id} on this game is still to be settled")
            raise await self._refused(request, trouble) from trouble

    async def _begin(self, request: OperationRequest, rule: Rule, *, look: bool) -> Begun:
        record = await self.records.get(request.game_id)
        sighting = await self._look(record) if look else Sighting()
        ruling = Ruling(request, rule, record, sighting, self.clock.now())
        begun = await self.journal.begin(request, ruling, at=ruling.at)
        if ruling.refusal is not None:
            raise ruling.refusal
        return begun

    async def _look(self, record: RuntimeRecord | None) -> Sighting:
        if record is None or record.status is not RuntimeStatus.RUNNING:
            return Sighting()
        if record.current_container_id is None:
            return Sighting()
        try:
            seen = await self.engine.inspect(record.current_container_id)
        except DockerUnavailable as trouble:
            return Sighting(trouble=trouble)
        return Sighting(running=seen is not None and seen.is_running)

    async def _refused(
        self, request: OperationRequest, error: RuntimeManagerError
    ) -> RuntimeManagerError:
        """Write the refusal of a request that could not begin, and return it."""
        at = self.clock.now()
        await self.journal.refuse(request, refused(request, error, at=at), at=at)
        return error

    async def _carry_out(
        self, begun: Begun, lease: GameLease, effect: Effect, line: dict[str, object]
    ) -> RuntimeRecord:
        if begun.operation.outcome is not None and begun.record is not None:
            line["error_code"] = begun.operation.error_code
            return begun.record
        run = OperationRun(
            operation=begun.operation, record=begun.record, lease=lease, clock=self.clock
        )
        result, error = await self._outcome(run, effect)
        await self.journal.finish(result)
        await self._remove_leftovers(run)
        if error is not None:
            raise error
        return _record_after(run, result)

    async def _outcome(
        self, run: OperationRun, effect: Effect
    ) -> tuple[OperationResult, RuntimeManagerError | None]:
        try:
            return success(run, await effect(run)), None
        except LeaseLost:
            raise  # whoever holds the lease now settles the operation
        except RuntimeManagerError as error:
            return await self._undone(run, error), error
        except Exception as fault:
            logger.exception("operation failed unexpectedly", extra=_line(run.operation.request))
            bug = InternalError()
            bug.__cause__ = fault
            return await self._undone(run, bug), bug

    async def _undone(self, run: OperationRun, error: RuntimeManagerError) -> OperationResult:
        """Put the game back and return the failure; a failed undo leaves the operation open."""
        if not run.touched:
            return failure(run, error, run.record)
        try:
            aftermath = await self.recovery.undo(run)
        except (DockerUnavailable, EngineRefused, LeaseLost) as trouble:
            trouble.extend(f"operation {run.fence} stays open and will be settled")
            raise trouble from error
        error.extend(aftermath.sentence)
        return failure(run, error, aftermath.record)

    async def _remove_leftovers(self, run: OperationRun) -> None:
        """Remove what the committed outcome made superfluous; the reconciler gets what resists."""
        for leftover in run.leftovers:
            try:
                await self.engine.remove(leftover)
            except (DockerUnavailable, EngineRefused) as trouble:
                extra = _line(run.operation.request) | {"container_id": leftover}
                logger.warning("leftover not removed: %s", trouble.message, extra=extra)


def _record_after(run: OperationRun, result: OperationResult) -> RuntimeRecord:
    record = result.record or run.record
    if record is None:
        message = f"operation {run.fence} succeeded without a record"
        raise InternalError(message)
    return record


def _line(request: OperationRequest) -> dict[str, object]:
    return {
        "game_id": request.game_id,
        "kind": request.kind,
        "source": request.origin.source,
        "source_ref": request.origin.source_ref,
    }
