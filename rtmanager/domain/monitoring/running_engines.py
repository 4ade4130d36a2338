"""The engines to watch: those running according to both their record and Docker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rtmanager.domain.container import ContainerId, EngineContainer
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.health_log import Baseline, HealthLog, Watch
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeStatus


@dataclass(frozen=True, slots=True)
class WatchedEngine:
    """A running engine and what its watcher has reported about it."""

    game_id: GameId
    container: EngineContainer
    baseline: Baseline

    def __str__(self) -> str:
        return self.game_id


@dataclass(frozen=True, slots=True)
class RunningEngines:
    """Finds the engines to watch, with a single call to Docker."""

    records: RuntimeRecords
    host: ContainerHost
    health: HealthLog

    async def find(self, watch: Watch) -> list[WatchedEngine]:
        """Return the engines whose record is `running` in a container that Docker shows running.

        Also those on a node that is down. The others are left to the reconciler. Raises
        DockerUnavailable, ServiceUnavailable.
        """
        return await self.watched(await self.running(), watch)

    async def watched(
        self, running: Sequence[tuple[GameId, EngineContainer]], watch: Watch
    ) -> list[WatchedEngine]:
        """Return these engines with what the watcher has reported about each."""
        baselines = await self.health.baselines(watch)
        return [
            WatchedEngine(game_id, each, _baseline(baselines, game_id, each.id, watch))
            for game_id, each in running
        ]

    async def running(self) -> list[tuple[GameId, EngineContainer]]:
        """Return each running engine's game and container."""
        shown = {each.id: each for each in await self.host.list_containers() if each.is_running}
        return [
            (record.game_id, shown[record.current_container_id])
            for record in await self.records.list()
            if record.status is RuntimeStatus.RUNNING and record.current_container_id in shown
        ]


def _baseline(
    baselines: Mapping[GameId, Baseline], game_id: GameId, container_id: ContainerId, watch: Watch
) -> Baseline:
    """Return the baseline if it is this container's."""
    known = baselines.get(game_id)
    if known is not None and known.container_id == container_id:
        return known
    return Baseline(game_id=game_id, container_id=container_id, watch=watch)
