"""The service's cycles on the small world of the use cases."""

from collections.abc import Sequence
from datetime import timedelta

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.engine_probe import InMemoryEngineProbe
from rtmanager.adapters.in_memory.health_log import InMemoryHealthLog
from rtmanager.domain.container import container_name
from rtmanager.domain.game_id import GameId
from rtmanager.domain.monitoring.inspect_containers import InspectContainers
from rtmanager.domain.monitoring.probe_engines import ProbeEngines
from rtmanager.domain.monitoring.running_engines import RunningEngines
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.reconciliation.backoff import Backoff
from rtmanager.domain.reconciliation.expire_containers import ExpireContainers
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame
from rtmanager.domain.reconciliation.reconcile_runtimes import ReconcileRuntimes
from rtmanager.domain.reconciliation.record_docker_event import RecordDockerEvent
from tests.unit.domain.world import GAME, Process, World

GRACE = 60.0
THRESHOLD = 3
RETENTION = timedelta(days=30)


class Watch:
    """One manager process's reconciliation and monitoring of a world."""

    def __init__(self, world: World, process: Process | None = None) -> None:
        self.world = world
        self.process = process or world.manager
        operations, host, clock = self.process.cases.operations, self.process.host, world.clock
        self.health = InMemoryHealthLog(world.store)
        self.reconcile_game = ReconcileGame(
            operations, host, world.installation, Backoff(clock), GRACE
        )
        self.reconcile = ReconcileRuntimes(operations, self.reconcile_game)
        self.expire = ExpireContainers(operations, RETENTION)
        self.record_event = RecordDockerEvent(self.reconcile_game, operations.lease_wait)
        engines = RunningEngines(operations.records, host, self.health)
        assert isinstance(operations.probe, InMemoryEngineProbe)
        self.engine_probe = operations.probe
        self.probe = ProbeEngines(engines, self.engine_probe, self.health, clock, THRESHOLD)
        self.inspect = InspectContainers(engines, host, self.health, clock)

    @property
    def told(self) -> list[str]:
        """The health events in the outbox, oldest first, without those of starts."""
        fields = [each.fields for each in self.world.store.outbox_table.messages]
        types = [each["event_type"] for each in fields if "event_type" in each]
        return [each for each in types if each != "container_started"]

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds of all operations, oldest first."""
        return [each.kind.value for each in self.world.operations]

    async def event(self, action: str, container_id: str, game: GameId = GAME) -> str:
        """Tell of a container what Docker would."""
        event = ContainerEvent(game, container_id, action, 0.0)  # type: ignore[arg-type]
        return await self.record_event.run(event)


def engine_of(world: World, game: str) -> MemoryContainer:
    """Return the container that has a game's name."""
    return world.containers[container_name(GameId(game))]


def stray(world: World, name: str, *, game: str = GAME, fence: int = 77) -> MemoryContainer:
    """Put a container with all our labels on the host that no record knows."""
    labels = {
        "com.galaxy.owner": "rtmanager",
        "com.galaxy.installation": world.installation.id,
        "com.galaxy.kind": "game-engine",
        "com.galaxy.game_id": game,
        "com.galaxy.engine_image_ref": "galaxy/game:1.4.7",
        "com.galaxy.op_id": str(fence),
    }
    return world.docker.add_foreign(name, labels=labels)
