"""The service's own cycles, on the in-memory world of the use cases."""

from collections.abc import Mapping, Sequence

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import container_name
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.reconciliation.drift import GRACE, DriftKind
from tests.unit.domain.world import GAME, INSTALLATION, RETENTION, Process, World

__all__ = ["GRACE", "RETENTION", "Watch", "engine_of", "labels_of", "stray"]


class Watch:
    """The cycles of one manager process in a world."""

    def __init__(self, world: World, process: Process | None = None) -> None:
        self.world = world
        self.process = process or world.manager
        cycles = self.process.cycles
        self.reconcile = cycles.reconcile
        self.reconcile_game = cycles.reconcile.reconcile_game
        self.backoff = cycles.reconcile.reconcile_game.backoff
        self.resume_handed_over = cycles.resume_handed_over
        self.expire = cycles.expire
        self.record_event = cycles.record_event
        self.probe = cycles.probe
        self.inspect = cycles.inspect

    @property
    def reported(self) -> list[str]:
        """Return the health events in the outbox, oldest first, without those of starts."""
        return [each for each in self.world.events if each != "container_started"]

    @property
    def kinds(self) -> Sequence[str]:
        """Return the kinds of all operations, oldest first."""
        return [each.kind.value for each in self.world.operations]

    async def reconciled(self) -> list[DriftKind]:
        """Reconcile the game; return the kinds of drift that are gone."""
        return [each.kind for each in await self.reconcile_game.run(GAME, "test")]

    async def event(self, action: str, container_id: str, game: GameId = GAME) -> str:
        """Handle an event of this container as Docker would send it."""
        event = ContainerEvent(game, container_id, action, 0.0)  # type: ignore[arg-type]
        return await self.record_event.run(self.record_event.hint(event))


def engine_of(world: World, game: str) -> MemoryContainer:
    """Return the container that has a game's name."""
    return world.containers[container_name(GameId(game))]


def labels_of(
    game: str = GAME, *, fence: int = 77, installation: str | None = INSTALLATION
) -> Mapping[str, str]:
    """Return our labels for a game; without an installation, those of the previous release."""
    labels = {
        "com.galaxy.owner": "rtmanager",
        "com.galaxy.kind": "game-engine",
        "com.galaxy.game_id": game,
        "com.galaxy.engine_image_ref": "galaxy/game:1.4.7",
        "com.galaxy.op_id": str(fence),
    }
    return labels if installation is None else labels | {"com.galaxy.installation": installation}


def stray(world: World, name: str, *, game: str = GAME, fence: int = 77) -> MemoryContainer:
    """Put a container with all our labels on the host that no record names."""
    return world.docker.add_foreign(name, labels=labels_of(game, fence=fence))
