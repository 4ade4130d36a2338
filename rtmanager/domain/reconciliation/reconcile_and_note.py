"""One round of the reconciler, and what it has found and left for operators."""

from dataclasses import dataclass

from rtmanager.domain.ports.drift_log import DriftLog
from rtmanager.domain.reconciliation.drift import Drift, DriftKind
from rtmanager.domain.reconciliation.drift_findings import Finding
from rtmanager.domain.reconciliation.reconcile_runtimes import ReconcileRuntimes, Reconciliation


@dataclass(frozen=True, slots=True)
class ReconcileAndNote:
    """What the leader runs. An open operation is not noted: somebody works on it."""

    reconcile: ReconcileRuntimes
    log: DriftLog

    async def run(self) -> str:
        """Reconcile all games, and return a sentence on what was done; empty if nothing."""
        done = await self.reconcile.run()
        met = [each for each in done.found if each.kind is not DriftKind.OPEN_OPERATION]
        left = [each for each in met if not _was_reconciled(each, done)]
        await self.log.note(self._findings(met), left=self._findings(left))
        return done.sentence

    def _findings(self, drifts: list[Drift]) -> list[Finding]:
        backoff = self.reconcile.reconcile_game.backoff
        return [Finding(each, backoff.retry_at(each)) for each in drifts]


def _was_reconciled(drift: Drift, done: Reconciliation) -> bool:
    return any(each.game_id == drift.game_id and each.is_like(drift) for each in done.reconciled)
