"""The cycles of supervision on the small world of the use cases."""

from collections.abc import Sequence
from datetime import timedelta

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.health_log import InMemoryHealthLog
from rtmanager.domain.container import container_name
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.supervision.expire_containers import ExpireContainers
from rtmanager.domain.supervision.heal_game import HealGame
from rtmanager.domain.supervision.inspect_containers import InspectContainers
from rtmanager.domain.supervision.probe_engines import ProbeEngines
from rtmanager.domain.supervision.reconcile_runtimes import ReconcileRuntimes
from rtmanager.domain.supervision.record_docker_event import RecordDockerEvent
from rtmanager.domain.supervision.running_engines import RunningEngines
from tests.unit.domain.world import GAME, Process, World

GRACE = 60.0
THRESHOLD = 3
RETENTION = timedelta(days=30)


class Watch:
    """One manager process's supervision of a world."""

    def __init__(self, world: World, process: Process | None = None) -> None:
        self.world = world
        self.process = process or world.manager
        cases = self.process.cases
        protocol, clock = cases.protocol, world.clock
        self.health = InMemoryHealthLog(world.store)
        self.heal = HealGame(protocol, cases.replace, GRACE)
        self.reconcile = ReconcileRuntimes(protocol, self.heal)
        self.expire = ExpireContainers(protocol, cases.cleanup, RETENTION)
        self.record_event = RecordDockerEvent(self.heal, protocol.lease_wait)
        engines = RunningEngines(protocol.records, protocol.engine, self.health)
        probe = cases.replace.gate.probe
        self.probe = ProbeEngines(engines, probe, self.health, clock, THRESHOLD)
        self.inspect = InspectContainers(engines, protocol.engine, self.health, clock)

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
        "com.galaxy.kind": "game-engine",
        "com.galaxy.game_id": game,
        "com.galaxy.engine_image_ref": "galaxy/game:1.4.7",
        "com.galaxy.op_id": str(fence),
    }
    return world.docker.add_foreign(name, labels=labels)
