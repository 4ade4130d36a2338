"""Bringing one game's record and containers together again, under its lease."""

import logging
from dataclasses import dataclass
from functools import partial

from rtmanager.domain.container import ContainerId, container_name
from rtmanager.domain.errors import Conflict, InternalError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.lifecycle.carry_out import Effect
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol, Plan
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.replace_container import ReplaceContainer
from rtmanager.domain.lifecycle.ruling import Sighting
from rtmanager.domain.observation import as_observed, loss_event
from rtmanager.domain.operation import OperationKind, OperationRequest, OpSource, Origin
from rtmanager.domain.ports.game_lease import GameLease, LeaseBusy
from rtmanager.domain.runtime import RuntimeRecord
from rtmanager.domain.supervision.drift import Drift, DriftKind, GameView, find_drift

logger = logging.getLogger(__name__)

MOST_ROUNDS = 8
"""Each round heals one drift; a game that drifts on and on is left to the next cycle."""

_KINDS = {
    DriftKind.ADOPT: OperationKind.RECONCILE_ADOPT,
    DriftKind.MISNAMED: OperationKind.RECONCILE_ADOPT,
    DriftKind.DISPOSE: OperationKind.RECONCILE_DISPOSE,
    DriftKind.OBSERVED_EXIT: OperationKind.RECONCILE_OBSERVED_EXIT,
    DriftKind.STALE_CONTAINER: OperationKind.RECONCILE_DISPOSE,
}


@dataclass(frozen=True, slots=True)
class HealGame:
    """Heals one game. Whatever made us look is a hint only: everything is looked at again."""

    protocol: OperationProtocol
    replace: ReplaceContainer
    grace: float

    async def run(self, game_id: GameId, hint: str, *, wait: float = 0.0) -> list[Drift]:
        """Heal the game and return what was healed; empty when nothing was wrong.

        A game whose lease is held for longer than `wait` seconds is left alone: whoever works on
        it leaves it right. Raises DockerUnavailable and ServiceUnavailable, having changed nothing
        that is not recorded.
        """
        try:
            async with self.protocol.leases.hold(game_id, wait=wait) as lease:
                return await self._heal(lease, game_id, hint)
        except LeaseBusy:
            return []

    async def _heal(self, lease: GameLease, game_id: GameId, hint: str) -> list[Drift]:
        healed: list[Drift] = []
        for _ in range(MOST_ROUNDS):
            view = await self._look(game_id)
            drifts = find_drift(view, now=self.protocol.clock.now(), grace=self.grace)
            if not drifts:
                break
            await self._heal_one(lease, view, drifts[0], hint)
            healed.append(drifts[0])
        return healed

    async def _look(self, game_id: GameId) -> GameView:
        """Look at everything afresh; inspected, because the state in Docker's list lags behind."""
        engine = self.protocol.engine
        ours = [await engine.inspect(each.id) for each in await engine.containers_of(game_id)]
        return GameView(
            game_id=game_id,
            record=await self.protocol.records.get(game_id),
            containers=[seen for seen in ours if seen is not None],
            open_operation=await self.protocol.journal.open_operation(game_id),
        )

    async def _heal_one(self, lease: GameLease, view: GameView, drift: Drift, hint: str) -> None:
        logger.info("healing", extra={"game_id": drift.game_id, "drift": drift.sentence})
        if view.open_operation is not None:
            await self.protocol.settlement.run(view.open_operation, lease)
            return
        request = OperationRequest(
            game_id=drift.game_id,
            kind=_KINDS[drift.kind],
            origin=Origin(OpSource.AUTO_RECONCILE, hint),
        )
        await self.protocol.run_under(lease, Plan(request, _go_on, self._effect(drift)))

    def _effect(self, drift: Drift) -> Effect:
        match drift.kind:
            case DriftKind.ADOPT:
                return partial(self._adopt, drift.container_id)
            case DriftKind.MISNAMED:
                return partial(self._rename, drift.container_id)
            case DriftKind.STALE_CONTAINER:
                return partial(self._remove, drift.container_id)
            case _:
                return self._observe_loss

    async def _adopt(self, container_id: ContainerId | None, run: OperationRun) -> RuntimeRecord:
        """Take the running engine into the record."""
        if container_id is None:
            raise InternalError
        async with run.step("inspect_container") as note:
            note.text = container_id[:12]
            seen = await self.protocol.engine.inspect(container_id)
            if seen is None or not seen.is_running:
                raise Conflict("the engine stopped running before it could be adopted")
        await self._note_loss(run)
        return self.replace.adopted(run, seen)

    async def _rename(
        self, container_id: ContainerId | None, run: OperationRun
    ) -> RuntimeRecord | None:
        """Give the record's container its name back, under which others reach the engine."""
        if container_id is None:
            raise InternalError
        async with run.step("rename_container", touches=True) as note:
            note.text = container_id[:12]
            name = container_name(run.operation.game_id)
            await self.replace.actions.rename(container_id, name)
        return run.record

    async def _observe_loss(self, run: OperationRun) -> RuntimeRecord | None:
        """Write down that the record's engine has exited or vanished."""
        if run.record is None or run.container_id is None:
            return run.record
        async with run.step("inspect_container"):
            seen = await self.protocol.engine.inspect(run.container_id)
        await self._note_loss(run)
        return as_observed(run.record, seen, fence=run.fence, at=run.clock.now())

    async def _note_loss(self, run: OperationRun) -> None:
        if run.record is None or run.container_id is None:
            return
        seen = await self.protocol.engine.inspect(run.container_id)
        event = loss_event(run.record, seen, at=run.clock.now())
        if event is not None:
            run.events.append(event)
            run.details.update(event.details)

    async def _remove(
        self, container_id: ContainerId | None, run: OperationRun
    ) -> RuntimeRecord | None:
        """Remove a container that belongs to no operation; the record stays as it is."""
        if container_id is None:
            raise InternalError
        async with run.step("remove_stale_container", touches=True) as note:
            note.text = container_id[:12]
            await self.protocol.engine.remove(container_id)
        return run.record


def _go_on(_: RuntimeRecord | None, __: Sighting) -> bool:
    """Let every healing through: what it does was judged under this very lease."""
    return False
