"""The one protocol under which every operation runs.

Lease, intent, effect, outcome (DESIGN section 3). Kill the process between any two awaits and the
next operation on the game, or the reconciler, completes or undoes what it finds.
"""

from dataclasses import dataclass

from rtmanager.domain.errors import DockerUnavailable, InternalError, RuntimeManagerError
from rtmanager.domain.lifecycle.carry_out import CarryOut, Effect
from rtmanager.domain.lifecycle.in_flight import InFlight
from rtmanager.domain.lifecycle.operation_line import learn, operation_line
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.ruling import Rule, Ruling, Sighting, refused
from rtmanager.domain.lifecycle.settle_operation import SettleOperation
from rtmanager.domain.operation import OperationRequest
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_engine import ContainerEngine, EngineRefused
from rtmanager.domain.ports.game_lease import GameLease, GameLeases, LeaseBusy
from rtmanager.domain.ports.operation_journal import Begun, OperationJournal, OperationStillOpen
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

_Beginning = tuple[Begun, RuntimeManagerError | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operation is: the request, the rule that judges it, the effect that does it.

    `look` shows the rule whether the engine of a running record really runs.
    """

    request: OperationRequest
    rule: Rule
    effect: Effect
    look: bool = False


@dataclass(frozen=True, slots=True)
class OperationProtocol:
    """Runs an operation so that it is crash-consistent, serialised per game and never lost."""

    leases: GameLeases
    records: RuntimeRecords
    journal: OperationJournal
    engine: ContainerEngine
    settlement: SettleOperation
    carry_out: CarryOut
    clock: Clock
    in_flight: InFlight
    lease_wait: float

    async def run(self, plan: Plan) -> RuntimeRecord:
        """Carry the plan out and return the game's record.

        The operation goes on to its end when the caller is cancelled. Raises what the rule or the
        effect raises, and LeaseBusy after waiting for other operations on the game.
        """
        name = f"{plan.request.kind} {plan.request.game_id}"
        record = await self.in_flight.run(self._hold_and_run(plan), name=name)
        if record is None:
            raise InternalError(f"{name} ended without a record")
        return record

    async def run_under(self, lease: GameLease, plan: Plan) -> RuntimeRecord | None:
        """Carry the plan out under a lease that the caller holds; return the record, if any."""
        with operation_line(plan.request, self.clock) as line:
            begun, refusal = await self._begin_settled(plan, lease)
            learn(line, begun.operation)
            if refusal is not None:
                raise refusal
            if begun.operation.outcome is not None:
                return begun.record
            run = OperationRun(
                operation=begun.operation, record=begun.record, lease=lease, clock=self.clock
            )
            return await self.carry_out.run(run, plan.effect)

    async def _hold_and_run(self, plan: Plan) -> RuntimeRecord | None:
        try:
            async with self.leases.hold(plan.request.game_id, wait=self.lease_wait) as lease:
                return await self.run_under(lease, plan)
        except LeaseBusy as busy:
            with operation_line(plan.request, self.clock):
                raise await self._refused(plan.request, busy) from None

    async def _begin_settled(self, plan: Plan, lease: GameLease) -> _Beginning:
        """Begin, after settling what an earlier process left open: no rule is asked before."""
        try:
            return await self._begin(plan)
        except OperationStillOpen:
            await self._settle_earlier(plan.request, lease)
            return await self._begin(plan)

    async def _settle_earlier(self, request: OperationRequest, lease: GameLease) -> None:
        operation = await self.journal.open_operation(request.game_id)
        if operation is None:
            return
        try:
            await self.settlement.run(operation, lease)
        except (DockerUnavailable, EngineRefused) as trouble:
            trouble.extend(f"operation {operation.id} on this game is still to be settled")
            raise await self._refused(request, trouble) from trouble

    async def _begin(self, plan: Plan) -> _Beginning:
        record = await self.records.get(plan.request.game_id)
        sighting = await self._look(record) if plan.look else Sighting()
        ruling = Ruling(plan.request, plan.rule, record, sighting, self.clock.now())
        begun = await self.journal.begin(plan.request, ruling, at=ruling.at)
        return begun, ruling.refusal

    async def _look(self, record: RuntimeRecord | None) -> Sighting:
        if record is None or record.status is not RuntimeStatus.RUNNING:
            return Sighting()
        if record.current_container_id is None:
            return Sighting()
        try:
            seen = await self.engine.inspect(record.current_container_id)
        except (DockerUnavailable, EngineRefused) as trouble:
            return Sighting(trouble=trouble)
        return Sighting(running=seen is not None and seen.is_running)

    async def _refused(
        self, request: OperationRequest, error: RuntimeManagerError
    ) -> RuntimeManagerError:
        """Write the refusal of a request that could not begin, and return it."""
        at = self.clock.now()
        await self.journal.refuse(request, refused(request, error, at=at), at=at)
        return error
