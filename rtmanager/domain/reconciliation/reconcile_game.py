"""Reconciling one game's record and containers, under its lease."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from rtmanager.domain.errors import (
    Conflict,
    DockerUnavailable,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.installation import Installation
from rtmanager.domain.nodes.move_origin import of_a_lost_node
from rtmanager.domain.operation import OperationKind, OperationRequest, OpSource, Origin
from rtmanager.domain.operations.last_observations import LastObservation
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.game_lease import GameLease, LeaseBusy
from rtmanager.domain.reconciliation.backoff import Backoff
from rtmanager.domain.reconciliation.drift import Drift, DriftKind, GameView, find_drift
from rtmanager.domain.reconciliation.observe_game import ObserveGame

logger = logging.getLogger(__name__)

MAX_ROUNDS = 8
"""Each round reconciles one drift; the rest is left to the next cycle."""

_KINDS = {
    DriftKind.ADOPT: OperationKind.RECONCILE_ADOPT,
    DriftKind.MISNAMED: OperationKind.RECONCILE_ADOPT,
    DriftKind.DISPOSE: OperationKind.RECONCILE_DISPOSE,
    DriftKind.OBSERVED_EXIT: OperationKind.RECONCILE_OBSERVED_EXIT,
    DriftKind.NODE_LOST: OperationKind.RESTART,
    DriftKind.STALE_CONTAINER: OperationKind.RECONCILE_DISPOSE,
}


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ReconcileGame:
    """Reconciles one game from a new observation; the hint that named it decides nothing."""

    operations: Operations
    host: ContainerHost
    installation: Installation
    backoff: Backoff
    grace: float

    async def run(
        self,
        game_id: GameId,
        hint: str,
        *,
        wait: float = 0.0,
        is_known: Callable[[], bool] = _never,
    ) -> list[Drift]:
        """Reconcile the game and return the reconciled drifts; empty when there were none.

        Once the lease is held, nothing is observed if the hint `is_known` by then.

        An open operation is resumed in the background. A game whose lease is held for longer than
        `wait` seconds is left alone: its holder leaves it consistent. Raises DockerUnavailable and
        ServiceUnavailable, having changed nothing that is not recorded.
        """
        try:
            return await self.operations.under_lease(
                game_id,
                lambda lease: self._reconcile(lease, game_id, hint, is_known),
                wait=wait,
            )
        except LeaseBusy:
            return []

    def agrees(self, last: LastObservation, game_id: GameId) -> bool:
        """Return whether an operation has left the game without drift, as it observed it."""
        ours = self.installation.own(last.found, record=last.record, operation=None)
        view = GameView(game_id=game_id, record=last.record, containers=ours, open_operation=None)
        return not find_drift(view, now=self.operations.clock.now(), grace=self.grace)

    async def _reconcile(
        self, lease: GameLease, game_id: GameId, hint: str, is_known: Callable[[], bool]
    ) -> list[Drift]:
        reconciled: list[Drift] = []
        if is_known():
            return reconciled
        for _ in range(MAX_ROUNDS):
            drift = await self._next_drift(game_id, reconciled)
            if drift is None:
                break
            if drift.kind is DriftKind.OPEN_OPERATION:
                self.operations.resume_in_background(game_id)
                break
            if await self._reconcile_drift(lease, drift, hint):
                reconciled.append(drift)
        return reconciled

    async def _next_drift(self, game_id: GameId, reconciled: list[Drift]) -> Drift | None:
        """Observe the game and return the next drift; one that came back counts as a failure."""
        view = await self._observe(game_id)
        drifts = find_drift(view, now=self.operations.clock.now(), grace=self.grace)
        self.backoff.keep_only(game_id, list(drifts))
        for again in [each for each in reconciled if any(each.is_like(drift) for drift in drifts)]:
            self.backoff.record_failure(again, "it came back after its reconciliation")
            reconciled.remove(again)
        return next((each for each in drifts if self.backoff.is_due(each)), None)

    async def _observe(self, game_id: GameId) -> GameView:
        operations = self.operations
        observe = ObserveGame(operations.records, operations.journal, self.host, self.installation)
        view, _ = await observe.run(game_id)
        return view

    async def _reconcile_drift(self, lease: GameLease, drift: Drift, hint: str) -> bool:
        """Run the operation that removes the drift; return whether it succeeded."""
        logger.info("drift_found", extra={"game_id": drift.game_id, "drift": drift.sentence})
        try:
            await self.operations.run_under(lease, _request(drift, hint))
        except (DockerUnavailable, ServiceUnavailable):
            raise
        except Conflict:
            return True  # it changed before the operation ran; the next round decides
        except RuntimeManagerError as error:
            self.backoff.record_failure(drift, error.message)
            return False
        return True


def _request(drift: Drift, hint: str) -> OperationRequest:
    is_move = drift.kind is DriftKind.NODE_LOST
    return OperationRequest(
        game_id=drift.game_id,
        kind=_KINDS[drift.kind],
        origin=of_a_lost_node(drift.node) if is_move else Origin(OpSource.AUTO_RECONCILE, hint),
        container_id=drift.container_id,
    )
