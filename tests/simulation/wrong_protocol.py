"""Parts of the protocol as they must not be, each to be put in the place of the right one."""

# ruff: noqa: ARG001, SLF001 - wrong parts have the right signatures and reach into what they break

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from rtmanager.adapters.in_memory.container_engine import InMemoryContainerEngine
from rtmanager.adapters.in_memory.store import InMemoryOperationJournal
from rtmanager.domain.container import ContainerDetails, container_name, parked_name
from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.lifecycle.carry_out import CarryOut
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol, Plan
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.outcome import failure
from rtmanager.domain.lifecycle.recovery import Aftermath, Recovery
from rtmanager.domain.lifecycle.replace_container import ReplaceContainer
from rtmanager.domain.lifecycle.ruling import Sighting
from rtmanager.domain.operation import (
    Fence,
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
)
from rtmanager.domain.ports.game_lease import GameLease
from rtmanager.domain.ports.health_log import Baseline
from rtmanager.domain.ports.operation_journal import PROCEED, Begun, OperationResult
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from rtmanager.domain.supervision import drift
from rtmanager.domain.supervision.drift import Drift, GameView
from rtmanager.domain.supervision.heal_game import HealGame
from rtmanager.domain.supervision.reconcile_runtimes import ReconcileRuntimes, Reconciliation
from rtmanager.domain.supervision.record_docker_event import RecordDockerEvent

_inspect = InMemoryContainerEngine.inspect
_reconcile = ReconcileRuntimes.run
_find_drift, _stale = drift.find_drift, drift._stale


async def do_nothing(*_: object) -> None:
    """Leave undone what should be done."""


def check_nothing(*_: object) -> None:
    """Let everything pass."""


def accept_any_finish(self: InMemoryOperationJournal, result: OperationResult) -> Operation:
    """Finish whatever the fence is and whoever finished it before."""
    return self.store.operations[result.operation_id]


def begin_beside_another(self: Any, request: Any, decide: Any, at: Any) -> Begun:
    """Begin although another operation is open."""
    record = self.store.runtime_records.get(request.game_id)
    return Begun(self._insert(request, decide(record), at), record)


async def finish_in_two_transactions(self: Any, result: OperationResult) -> None:
    """Write the record, and the row some time later."""
    await self.store.gate("store.finish")
    self._demand_open(result)
    if result.record:
        self.store.runtime_records[result.game_id] = result.record
    await self.store.gate("store.finish")
    self._finish(replace(result, record=None))
    await self.store.gate("store.finish:done")


async def effect_before_intent(
    self: OperationProtocol, lease: GameLease, plan: Plan
) -> RuntimeRecord | None:
    """Do the work first and write the intent when it is done."""
    record = await self.records.get(plan.request.game_id)
    early = Operation(id=Fence(10_000), request=plan.request, started_at=self.clock.now())
    run = OperationRun(operation=early, record=record, lease=lease, clock=self.clock)
    new = await plan.effect(run)
    begun = await self.journal.begin(plan.request, lambda _: PROCEED, at=self.clock.now())
    run.operation = begun.operation

    async def done(run: OperationRun) -> RuntimeRecord | None:
        return replace(new, fence=run.fence) if new else None

    return await self.carry_out.run(run, done)


async def fail_without_a_look(self: CarryOut, run: OperationRun, error: Any) -> OperationResult:
    """Write the failure and leave Docker as it happens to be."""
    return failure(run, error, run.record)


async def release_anyones(self: Any, game_id: Any, grant: Any) -> None:
    """Delete the lease without a compare."""
    self._held.pop(game_id, None)
    await self.gate("lease.release")
    if game_id in self.grants:
        del self.grants[game_id]


async def reconcile_by_the_survey(self: Any) -> Reconciliation:
    """Heal what the survey showed, without another look under the lease."""
    views = list(await self._views())
    for view in views:
        drifts = _find_drift(view, now=self.protocol.clock.now(), grace=self.heal.grace)
        async with self.protocol.leases.hold(view.game_id, wait=5.0) as lease:
            for each in drifts:
                await self.heal._heal_one(lease, view, each, "survey")
    return await _reconcile(self)


async def adopt_unseen(self: HealGame, container_id: Any, run: OperationRun) -> RuntimeRecord:
    """Adopt what an earlier look showed, whatever has become of it."""
    never_looked = SimpleNamespace(
        id=container_id, image_ref="", image_id="", started_at=run.clock.now()
    )
    return self.replace.adopted(run, cast("ContainerDetails", never_looked))


async def remove_the_predecessor(self: ReplaceContainer, run: OperationRun, old: Any) -> None:
    """Remove the old container before the new one has shown anything."""
    run.predecessor_ran = old.is_running
    async with run.step("remove_predecessor", touches=True):
        await self.engine.remove(old.id)


async def park_without_a_stop(self: ReplaceContainer, run: OperationRun, old: Any) -> None:
    """Let the old engine run while the new one starts."""
    run.predecessor_ran = old.is_running
    async with run.step("park_predecessor", touches=True):
        await self.actions.rename(old.id, parked_name(run.operation.game_id, run.fence))


async def revive_under_any_name(self: Recovery, run: OperationRun, old: Any) -> None:
    """Start the old engine again and leave it parked."""
    if not old.is_running and run.predecessor_ran:
        await self.actions.start(old.id)


async def bring_back_by_id(self: Recovery, run: OperationRun, old: Any) -> None:
    """Start the old engine by its id, which is the same for ever."""
    name = container_name(run.operation.game_id)
    if old.name != name:
        async with run.step("unpark_predecessor", touches=True):
            await self.actions.rename(old.id, name)
    if run.record is not None and run.record.status is RuntimeStatus.RUNNING:
        async with run.step("start_predecessor", touches=True):
            await self.actions.start(old.id)


async def see_without_looking(self: OperationProtocol, record: RuntimeRecord | None) -> Sighting:
    """Take the record's word for it that the engine runs."""
    return Sighting(running=True)


async def unknown_is_gone(self: InMemoryContainerEngine, container_id: Any) -> Any:
    """Take a Docker that does not answer for one that has no such container."""
    try:
        return await _inspect(self, container_id)
    except DockerUnavailable:
        return None


async def settle_by_the_record(self: Recovery, run: OperationRun) -> Aftermath:
    """Undo nothing and say that all is as the record says."""
    return Aftermath(run.record, "as the record says")


async def believe_the_lost_stop(self: Any, container_id: Any, error: Any) -> None:
    """Take an error of a stop for a container that is gone."""


async def believe_the_event(self: RecordDockerEvent, event: Any) -> str:
    """Write down what the event says, of whichever container it was."""
    origin = Origin(OpSource.AUTO_RECONCILE, "event")
    kind = OperationKind.RECONCILE_OBSERVED_EXIT
    request = OperationRequest(game_id=event.game_id, kind=kind, origin=origin)

    async def stopped(run: OperationRun) -> RuntimeRecord | None:
        return run.record.stopped(fence=run.fence, at=run.clock.now()) if run.record else None

    protocol = self.heal.protocol
    async with protocol.leases.hold(event.game_id, wait=self.lease_wait) as lease:
        await protocol.run_under(lease, Plan(request, lambda *_: False, stopped))
    return ""


def spare_nothing(view: GameView, *, now: Any, grace: float) -> Sequence[Drift]:
    """Take a container that was created just now for a stale one."""
    return _find_drift(view, now=now, grace=-1.0)


def overlook_the_parked(view: GameView, keep: Any, spared_since: Any) -> Sequence[Drift]:
    """See no parked container."""
    parked = {each.id for each in view.containers if ".parked-" in each.name}
    return [each for each in _stale(view, keep, spared_since) if each.container_id not in parked]


def forget_what_was_told(baselines: Any, game_id: Any, container_id: Any, watch: Any) -> Baseline:
    """Watch every engine as if nothing had been told of it."""
    return Baseline(game_id=game_id, container_id=container_id, watch=watch)
