"""Watches the leases: one owner at a time, and nobody gives another's away."""

from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.game_lease import Grant
from rtmanager.domain.game_id import GameId

if TYPE_CHECKING:
    from tests.simulation.universe import Universe


class LeaseWatch:
    """Knows who holds each lease, and since when each process may judge by what it sees."""

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._owners: dict[GameId, str] = {}
        self._since: dict[tuple[str, GameId], int] = {}

    def granted(self, game_id: GameId, old: Grant | None, _: Grant) -> None:
        """Demand that nobody else has the lease."""
        if old is not None and not old.is_over(self._universe.loop.now):
            self._universe.violation(f"the lease of {game_id} was granted while another has it")
        self._owners[game_id] = self._process
        self._since[self._process, game_id] = self._universe.scheduler.steps

    def released(self, game_id: GameId) -> None:
        """Demand that it is the owner who releases."""
        if self._owners.get(game_id) != self._process:
            self._universe.violation(f"{self._process} released a lease of {game_id} not its own")

    def since(self, game_id: GameId) -> int:
        """Return the step at which the process at work last got the game's lease."""
        return self._since.get((self._process, game_id), 0)

    @property
    def _process(self) -> str:
        running = self._universe.scheduler.running
        return running.name if running else ""
