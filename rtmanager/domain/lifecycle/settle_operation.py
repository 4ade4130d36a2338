"""Settling an operation whose process died, from what Docker shows."""

from collections.abc import Iterable
from dataclasses import dataclass

from rtmanager.domain.container import ContainerDetails, ContainerId, parked_name
from rtmanager.domain.errors import InternalError
from rtmanager.domain.lifecycle.leftovers import remove_leftovers
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.outcome import failure, success
from rtmanager.domain.lifecycle.recovery import Recovery
from rtmanager.domain.lifecycle.replace_container import ReplaceContainer
from rtmanager.domain.observation import as_observed, loss_event
from rtmanager.domain.operation import Operation, OperationKind
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_engine import ContainerEngine
from rtmanager.domain.ports.game_lease import GameLease
from rtmanager.domain.ports.operation_journal import OperationJournal, OperationResult
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True)
class SettleOperation:
    """Gives an open operation whose lease we hold the outcome that Docker shows.

    The engine that the operation was to start runs: success. The engine that it was to stop or
    remove does not run or is gone: success. Otherwise it failed, "interrupted", and is undone.
    """

    records: RuntimeRecords
    journal: OperationJournal
    engine: ContainerEngine
    replace: ReplaceContainer
    recovery: Recovery
    clock: Clock

    async def run(self, operation: Operation, lease: GameLease) -> OperationResult:
        """Settle `operation`; raise DockerUnavailable, leaving it open, when no look works."""
        run = OperationRun(
            operation=operation,
            record=await self.records.get(operation.game_id),
            lease=lease,
            clock=self.clock,
        )
        run.details["settled"] = "the process that ran this operation died or lost its lease"
        achieved = await self._achieved(run)
        result = success(run, achieved) if achieved else await self._interrupted(run)
        await self.journal.finish(result)
        await remove_leftovers(self.engine, run)
        return result

    async def _interrupted(self, run: OperationRun) -> OperationResult:
        aftermath = await self.recovery.undo(run)
        error = InternalError(f"the operation was interrupted; {aftermath.sentence}")
        return failure(run, error, aftermath.record)

    async def _achieved(self, run: OperationRun) -> RuntimeRecord | None:
        """Return the record that proves the operation's success, None when it did not succeed."""
        match run.operation.kind:
            case OperationKind.START | OperationKind.RESTART | OperationKind.PATCH:
                return await self._started(run)
            case OperationKind.CLEANUP_CONTAINER:
                return await self._cleaned_up(run)
            case OperationKind.RECONCILE_ADOPT:
                return None
            case _:
                return await self._seen_stopped(run)

    async def _started(self, run: OperationRun) -> RuntimeRecord | None:
        ours = await self.engine.containers_of(run.operation.game_id)
        new = await self._seen_running(each.id for each in ours if each.fence == run.fence)
        if new is None:
            return None
        parked = parked_name(run.operation.game_id, run.fence)
        run.leftovers.extend(each.id for each in ours if each.name == parked)
        return self.replace.started(run, new.id, new.image_ref or "", new.image_id)

    async def _seen_running(self, candidates: Iterable[ContainerId]) -> ContainerDetails | None:
        """Return the first that runs, inspected: the state in Docker's list lags behind."""
        for candidate in candidates:
            seen = await self.engine.inspect(candidate)
            if seen is not None and seen.is_running:
                return seen
        return None

    async def _cleaned_up(self, run: OperationRun) -> RuntimeRecord | None:
        if run.record is None or await self.engine.containers_of(run.operation.game_id):
            return None
        return run.record.removed(fence=run.fence, at=self.clock.now())

    async def _seen_stopped(self, run: OperationRun) -> RuntimeRecord | None:
        if run.record is None or run.container_id is None:
            return None
        seen = await self.engine.inspect(run.container_id)
        at = self.clock.now()
        event = loss_event(run.record, seen, at=at)
        if event is not None and run.operation.kind is not OperationKind.STOP:
            run.events.append(event)
        record = as_observed(run.record, seen, fence=run.fence, at=at)
        return None if record is run.record else record
