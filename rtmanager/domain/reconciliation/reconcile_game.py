"""Reconciling one game's record and containers, under its lease."""

import logging
from dataclasses import dataclass

from rtmanager.domain.errors import (
    Conflict,
    DockerUnavailable,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import OperationKind, OperationRequest, OpSource, Origin
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.game_lease import GameLease, LeaseBusy
from rtmanager.domain.reconciliation.backoff import Backoff
from rtmanager.domain.reconciliation.drift import Drift, DriftKind, GameView, find_drift

logger = logging.getLogger(__name__)

MAX_ROUNDS = 8
"""Each round reconciles one drift; what drifts on is left to the next cycle."""

_KINDS = {
    DriftKind.ADOPT: OperationKind.RECONCILE_ADOPT,
    DriftKind.MISNAMED: OperationKind.RECONCILE_ADOPT,
    DriftKind.DISPOSE: OperationKind.RECONCILE_DISPOSE,
    DriftKind.OBSERVED_EXIT: OperationKind.RECONCILE_OBSERVED_EXIT,
    DriftKind.STALE_CONTAINER: OperationKind.RECONCILE_DISPOSE,
}


@dataclass(frozen=True, slots=True)
class ReconcileGame:
    """Reconciles one game; the hint that named it decides nothing, everything is observed again."""

    operations: Operations
    host: ContainerHost
    installation: Installation
    backoff: Backoff
    grace: float

    async def run(self, game_id: GameId, hint: str, *, wait: float = 0.0) -> list[Drift]:
        """Reconcile the game and return the drifts that are gone now; empty when none was met.

        An open operation is set going and not waited for. A game whose lease is held for longer
        than `wait` seconds is left alone: whoever works on it leaves it right. Raises
        DockerUnavailable and ServiceUnavailable, having changed nothing that is not recorded.
        """
        try:
            return await self.operations.under_lease(
                game_id, lambda lease: self._reconcile(lease, game_id, hint), wait=wait
            )
        except LeaseBusy:
            return []

    async def _reconcile(self, lease: GameLease, game_id: GameId, hint: str) -> list[Drift]:
        met: list[Drift] = []
        for _ in range(MAX_ROUNDS):
            drift = await self._next_drift(game_id, met)
            if drift is None:
                break
            if drift.kind is DriftKind.OPEN_OPERATION:
                self.operations.resume_in_background(game_id)
                break
            if await self._meet(lease, drift, hint):
                met.append(drift)
        return met

    async def _next_drift(self, game_id: GameId, met: list[Drift]) -> Drift | None:
        """Look at everything afresh; what is there again although it was met does not yield."""
        view = await self._look(game_id)
        drifts = find_drift(view, now=self.operations.clock.now(), grace=self.grace)
        self.backoff.keep_only(game_id, list(drifts))
        for again in [each for each in met if any(each.is_like(drift) for drift in drifts)]:
            self.backoff.record_failure(again, "it was there again")
            met.remove(again)
        return next((each for each in drifts if self.backoff.is_due(each)), None)

    async def _look(self, game_id: GameId) -> GameView:
        """Inspect each container, because the state in Docker's list lags behind."""
        record = await self.operations.records.get(game_id)
        operation = await self.operations.journal.open_operation(game_id)
        ids = {each.id for each in await self.host.containers_of(game_id)}
        if record is not None and record.current_container_id is not None:
            ids.add(record.current_container_id)
        seen = [await self.host.inspect(each) for each in sorted(ids)]
        return GameView(
            game_id=game_id,
            record=record,
            containers=self.installation.own(
                (each for each in seen if each is not None), record=record, operation=operation
            ),
            open_operation=operation,
        )

    async def _meet(self, lease: GameLease, drift: Drift, hint: str) -> bool:
        """Run the operation that takes the drift away; tell whether it went well."""
        logger.info("drift_found", extra={"game_id": drift.game_id, "drift": drift.sentence})
        request = OperationRequest(
            game_id=drift.game_id,
            kind=_KINDS[drift.kind],
            origin=Origin(OpSource.AUTO_RECONCILE, hint),
            container_id=drift.container_id,
        )
        try:
            await self.operations.run_under(lease, request)
        except (DockerUnavailable, ServiceUnavailable):
            raise
        except Conflict:
            return True  # it had changed before it could be met; the next look decides
        except RuntimeManagerError as error:
            self.backoff.record_failure(drift, error.message)
            return False
        return True
