"""Comparing every record with every container, and healing what has drifted."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rtmanager.domain.container import EngineContainer
from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol
from rtmanager.domain.supervision.drift import Drift, GameView, find_drift
from rtmanager.domain.supervision.heal_game import HealGame
from rtmanager.domain.supervision.side_by_side import side_by_side

GAMES_AT_ONCE = 8
HINT = "reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What one reconciliation saw and did."""

    games: int
    found: Sequence[Drift]
    healed: Sequence[Drift]
    failed: Sequence[str]

    @property
    def sentence(self) -> str:
        """Say what was done and why; empty when nothing was: others work on what had drifted."""
        if not self.healed and not self.failed:
            return ""
        why = "; ".join(f"{each.game_id}: {each.sentence}" for each in self.found[:5])
        failed = f", {len(self.failed)} failed" if self.failed else ""
        healed = f"{len(self.healed)} of {len(self.found)} drifts healed{failed}"
        return f"{healed}, of {self.games} games; {why}"


@dataclass(frozen=True, slots=True)
class ReconcileRuntimes:
    """One list of containers against all records. A Docker that cannot be asked changes nothing."""

    protocol: OperationProtocol
    heal: HealGame

    async def survey(self) -> tuple[int, list[Drift]]:
        """Return how many games there are and how they have drifted, changing nothing.

        Raises DockerUnavailable, ServiceUnavailable.
        """
        views = list(await self._views())
        now, grace = self.protocol.clock.now(), self.heal.grace
        return len(views), [
            drift for view in views for drift in find_drift(view, now=now, grace=grace)
        ]

    async def run(self) -> Reconciliation:
        """Heal every game that has drifted; each is looked at again under its lease."""
        games, found = await self.survey()
        drifted = list(dict.fromkeys(drift.game_id for drift in found))
        results = await side_by_side(drifted, self._heal, at_once=GAMES_AT_ONCE)
        return Reconciliation(
            games=games,
            found=found,
            healed=[drift for healed in results.done for drift in healed],
            failed=results.failed,
        )

    async def _heal(self, game_id: GameId) -> list[Drift]:
        return await self.heal.run(game_id, HINT)

    async def _views(self) -> Iterator[GameView]:
        containers = _by_game(await self.protocol.engine.list_containers())
        operations = await self.protocol.journal.open_operations()
        records = {each.game_id: each for each in await self.protocol.records.list()}
        opened = {each.game_id: each for each in operations}
        games = sorted({*containers, *opened, *records})
        return (
            GameView(
                game_id=game_id,
                record=records.get(game_id),
                containers=containers.get(game_id, ()),
                open_operation=opened.get(game_id),
            )
            for game_id in games
        )


def _by_game(containers: Iterable[EngineContainer]) -> dict[GameId, list[EngineContainer]]:
    """Group containers by game; a label that is no game id was not written by us."""
    games: dict[GameId, list[EngineContainer]] = defaultdict(list)
    for container in containers:
        game_id = parse_game_id(container.game_id or "")
        if game_id is not None:
            games[game_id].append(container)
    return games
