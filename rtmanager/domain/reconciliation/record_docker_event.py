"""Acting on a Docker event of one of our containers."""

from dataclasses import dataclass

from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.insight.container_ends import ContainerEnds
from rtmanager.domain.ports.container_events import HINTS, ContainerEvent
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame


@dataclass(frozen=True, slots=True)
class RecordDockerEvent:
    """Reconciles the game that an event names, from an observation, not from the event.

    `ends` remembers what only events show: who has ended an engine.
    """

    reconcile: ReconcileGame
    lease_wait: float
    ends: ContainerEnds

    def game_of(self, event: ContainerEvent) -> GameId | None:
        """Return the game to reconcile; None when the event cannot concern one of our games."""
        return parse_game_id(event.game_id) if event.action in HINTS else None

    async def run(self, event: ContainerEvent) -> str:
        """Reconcile the event's game and return what was done; empty when nothing had drifted.

        Waits for a running operation, which may be the cause of the event.
        """
        game_id = self.game_of(event)
        if game_id is None:
            return ""
        hint = f"docker {event.action} {event.container_id[:12]}"
        met = await self.reconcile.run(game_id, hint, wait=self.lease_wait)
        return "; ".join(f"{each.game_id}: {each.sentence}" for each in met)
