"""Docker's list as it really is: the state that it shows may lag behind what inspection tells."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from rtmanager.adapters.in_memory.container_engine import InMemoryContainerEngine
from rtmanager.domain.container import ContainerStatus, EngineContainer
from tests.simulation.scheduler import Scheduler
from tests.simulation.truth import Truth

LAGS = 0.15
STEPS_BEHIND = 8


@dataclass(frozen=True, kw_only=True)
class LaggingEngine(InMemoryContainerEngine):
    """Now and then lists a container in the state that it had a moment ago."""

    truth: Truth
    scheduler: Scheduler
    random: Random

    async def list_containers(self) -> Sequence[EngineContainer]:
        return [self._seen_late(each) for each in await super().list_containers()]

    async def containers_of(self, game_id: str) -> Sequence[EngineContainer]:
        return [self._seen_late(each) for each in await super().containers_of(game_id)]

    def _seen_late(self, container: EngineContainer) -> EngineContainer:
        if not self.scheduler.calls_are_slow or self.random.random() > LAGS:
            return container
        then = self.scheduler.steps - STEPS_BEHIND
        for state in self.truth.before(container.game_id or "", then):
            for known, _, ran in state:
                if known == container.id and ran is not container.is_running:
                    status = ContainerStatus.RUNNING if ran else ContainerStatus.EXITED
                    return replace(container, status=status, address=None)
        return container
