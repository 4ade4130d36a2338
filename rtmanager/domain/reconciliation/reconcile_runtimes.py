"""Comparing all records with all containers, and reconciling what has drifted."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.container import EngineContainer
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.reconciliation.drift import Drift
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame
from rtmanager.domain.reconciliation.survey_games import SurveyGames

GAMES_AT_ONCE = 8
HINT = "reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What one reconciliation found and did."""

    games: int
    found: Sequence[Drift]
    reconciled: Sequence[Drift]
    failed: Sequence[str]

    @property
    def sentence(self) -> str:
        """What was done and why; empty when nothing was, as others hold the drifted games."""
        if not self.reconciled and not self.failed:
            return ""
        why = "; ".join(f"{each.game_id}: {each.sentence}" for each in self.found[:5])
        failed = f", {len(self.failed)} failed" if self.failed else ""
        done = f"{len(self.reconciled)} of {len(self.found)} drifts reconciled{failed}"
        return f"{done}, of {self.games} games; {why}"


@dataclass(slots=True)
class ReconcileRuntimes:
    """Compares one list of containers with all records; changes nothing without Docker.

    `last_found` is what the last reconciliation found; None before the first.
    """

    operations: Operations
    reconcile_game: ReconcileGame
    last_found: Sequence[Drift] | None = field(default=None, init=False)

    async def survey(
        self, listed: Sequence[EngineContainer] | None = None
    ) -> tuple[int, list[Drift]]:
        """Return the number of games and their drifts, changing nothing."""
        game = self.reconcile_game
        return await SurveyGames(self.operations, game.host, game.installation, game.grace).run(
            listed
        )

    async def run(self, listed: Sequence[EngineContainer] | None = None) -> Reconciliation:
        """Reconcile every game that has drifted; each is observed again under its lease."""
        games, found = await self.survey(listed)
        self.last_found = found
        due = (drift for drift in found if self.reconcile_game.backoff.is_due(drift))
        drifted = list(dict.fromkeys(drift.game_id for drift in due))
        results = await run_concurrently(drifted, self._reconcile, limit=GAMES_AT_ONCE)
        return Reconciliation(
            games=games,
            found=found,
            reconciled=[drift for met in results.done for drift in met],
            failed=results.failed,
        )

    async def _reconcile(self, game_id: GameId) -> list[Drift]:
        return await self.reconcile_game.run(game_id, HINT)
