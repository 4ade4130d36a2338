"""Acting on a Docker event of one of our containers."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId, parse_game_id
from rtmanager.domain.insight.container_ends import ContainerEnds
from rtmanager.domain.operations.last_observations import LastObservations
from rtmanager.domain.ports.container_events import HINTS, ContainerEvent
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame


@dataclass(frozen=True, slots=True)
class Hint:
    """The events of a game that wait: the latest, the moment it arrived, all their containers."""

    event: ContainerEvent
    arrived: int
    containers: frozenset[ContainerId]

    def with_those_of(self, earlier: "Hint | None") -> Self:
        """Return this hint together with one that waits already."""
        if earlier is None:
            return self
        return replace(self, containers=self.containers | earlier.containers)


@dataclass(frozen=True, slots=True)
class RecordDockerEvent:
    """Reconciles the game that an event names, from an observation, not from the event.

    `ends` remembers what only events show: who has ended an engine. `last` remembers what
    operations have observed: most events are caused by an operation, which has then seen their
    effect before it ended.
    """

    reconcile: ReconcileGame
    lease_wait: float
    ends: ContainerEnds
    last: LastObservations

    def hint(self, event: ContainerEvent) -> Hint:
        """Return the event as a hint that arrives now."""
        return Hint(event, self.last.moment(), frozenset({event.container_id}))

    def game_of(self, event: ContainerEvent) -> GameId | None:
        """Return the game to reconcile; None when the event cannot concern one of our games."""
        return parse_game_id(event.game_id) if event.action in HINTS else None

    async def run(self, hint: Hint) -> str:
        """Reconcile the hint's game and return what was done; empty when nothing had drifted.

        Waits for a running operation, which may be the cause of the events: for one of this process
        without the game's lease, so that nobody has to wait for this. Both waits together take at
        most `lease_wait` seconds: meanwhile events of other games may wait.
        """
        event, operations = hint.event, self.reconcile.operations
        game_id = self.game_of(event)
        if game_id is None:
            return ""
        give_up = operations.clock.monotonic() + self.lease_wait
        await operations.in_flight.ended(game_id, limit=self.lease_wait)
        if self._was_observed(game_id, hint):
            return ""
        met = await self.reconcile.run(
            game_id,
            f"docker {event.action} {event.container_id[:12]}",
            wait=max(0.0, give_up - operations.clock.monotonic()),
            is_known=partial(self._was_observed, game_id, hint),
        )
        return "; ".join(f"{each.game_id}: {each.sentence}" for each in met)

    def _was_observed(self, game_id: GameId, hint: Hint) -> bool:
        """Return whether an operation observed the containers after the events, and all agreed."""
        last = self.last.of(game_id)
        if last is None or last.began < hint.arrived or not hint.containers <= last.inspected:
            return False
        return self.reconcile.agrees(last, game_id)
