"""Acting on something that Docker told of one of our containers."""

from dataclasses import dataclass

from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame

ACTIONS = {"die", "oom", "destroy", "start"}
"""The actions that can make a record untrue."""


@dataclass(frozen=True, slots=True)
class RecordDockerEvent:
    """Looks at the game that an event names; the look decides, not the event."""

    reconcile: ReconcileGame
    lease_wait: float

    def game_of(self, event: ContainerEvent) -> GameId | None:
        """Return the game to look at; None when the event cannot have changed a game of ours."""
        return parse_game_id(event.game_id) if event.action in ACTIONS else None

    async def run(self, event: ContainerEvent) -> str:
        """Reconcile the event's game and say what was done; empty when nothing had drifted.

        Waits for an operation that is going on: it may be the very cause of the event.
        """
        game_id = self.game_of(event)
        if game_id is None:
            return ""
        hint = f"docker {event.action} {event.container_id[:12]}"
        met = await self.reconcile.run(game_id, hint, wait=self.lease_wait)
        return "; ".join(f"{each.game_id}: {each.sentence}" for each in met)
