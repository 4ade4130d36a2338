"""Comparing all records with all containers, without changing anything."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from rtmanager.domain.concurrency import in_slices
from rtmanager.domain.container import EngineContainer
from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.installation import Installation
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.reconciliation.drift import GRACE, Drift, GameView, find_drift


@dataclass(frozen=True, slots=True)
class SurveyGames:
    """Compares one list of containers with all records."""

    operations: Operations
    host: ContainerHost
    installation: Installation
    grace: float = GRACE

    async def run(self, listed: Sequence[EngineContainer] | None = None) -> tuple[int, list[Drift]]:
        """Return the number of games and their drifts.

        `listed` is Docker's list, if the caller already has it. Raises DockerUnavailable,
        ServiceUnavailable.
        """
        if listed is None:
            listed = await self.host.list_containers()
        views = await self._views(listed)
        now = self.operations.clock.now()
        found = await in_slices(views, lambda view: find_drift(view, now=now, grace=self.grace))
        return len(views), list(chain.from_iterable(found))

    async def _views(self, listed: Sequence[EngineContainer]) -> list[GameView]:
        containers = _by_game(listed)
        opened = {each.game_id: each for each in await self.operations.journal.open_operations()}
        records = {each.game_id: each for each in await self.operations.records.list()}

        def view(game_id: GameId) -> GameView:
            record, operation = records.get(game_id), opened.get(game_id)
            ours = self.installation.own(
                containers.get(game_id, ()), record=record, operation=operation
            )
            return GameView(
                game_id=game_id, record=record, containers=ours, open_operation=operation
            )

        known = {*opened, *records}
        views = await in_slices(sorted({*containers, *known}), view)
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
