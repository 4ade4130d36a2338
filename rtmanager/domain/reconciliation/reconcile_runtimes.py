"""Comparing all records with all containers, and reconciling what has drifted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.container import EngineContainer
from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.reconciliation.drift import Drift, GameView, find_drift
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame

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


@dataclass(frozen=True, slots=True)
class ReconcileRuntimes:
    """Compares one list of containers with all records; changes nothing without Docker."""

    operations: Operations
    reconcile_game: ReconcileGame

    async def survey(
        self, listed: Sequence[EngineContainer] | None = None
    ) -> tuple[int, list[Drift]]:
        """Return the number of games and their drifts, changing nothing.

        `listed` is Docker's list, if the caller already has it. Raises DockerUnavailable,
        ServiceUnavailable.
        """
        if listed is None:
            listed = await self.reconcile_game.host.list_containers()
        views = await self._views(listed)
        now, grace = self.operations.clock.now(), self.reconcile_game.grace
        return len(views), [
            drift for view in views for drift in find_drift(view, now=now, grace=grace)
        ]

    async def run(self, listed: Sequence[EngineContainer] | None = None) -> Reconciliation:
        """Reconcile every game that has drifted; each is observed again under its lease."""
        games, found = await self.survey(listed)
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

    async def _views(self, listed: Sequence[EngineContainer]) -> list[GameView]:
        containers = _by_game(listed)
        opened = {each.game_id: each for each in await self.operations.journal.open_operations()}
        records = {each.game_id: each for each in await self.operations.records.list()}
        installation = self.reconcile_game.installation

        def view(game_id: GameId) -> GameView:
            record, operation = records.get(game_id), opened.get(game_id)
            ours = installation.own(containers.get(game_id, ()), record=record, operation=operation)
            return GameView(
                game_id=game_id, record=record, containers=ours, open_operation=operation
            )

        known = {*opened, *records}
        views = (view(game_id) for game_id in sorted({*containers, *known}))
        # A game of another installation.
        return [each for each in views if each.containers or each.game_id in known]


def _by_game(containers: Iterable[EngineContainer]) -> dict[GameId, list[EngineContainer]]:
    """Group containers by game, ignoring labels that are not game ids: we did not write them."""
    games: dict[GameId, list[EngineContainer]] = defaultdict(list)
    for container in containers:
        game_id = parse_game_id(container.game_id or "")
        if game_id is not None:
            games[game_id].append(container)
    return games
