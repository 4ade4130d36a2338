"""The in-memory Swarm behind the interface of the port's tests, under the real adapter."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.docker_objects import MemoryImage
from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.in_memory.swarm_outputs import InMemoryImages, InMemoryOutputs
from rtmanager.adapters.in_memory.swarm_services import MemoryService
from rtmanager.adapters.in_memory.swarm_values import new_id
from rtmanager.adapters.in_memory.swarm_world import InMemorySwarm
from rtmanager.adapters.swarm import labels as kept
from rtmanager.adapters.swarm.host import SwarmContainerHost
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.adapters.swarm.service_names import game_prefix
from rtmanager.domain.container import GAME_ID_LABEL, ContainerId
from rtmanager.domain.ports.container_host import ContainerHost
from tests.contract.ports.docker_worlds import GOOD, MemoryWorld, new_game_id

STOP_GRACE = 1
UNTIL_REPLACED = 10.0
"""Seconds within which a task has ended and the next one runs."""


@dataclass
class MemorySwarmWorld(MemoryWorld):
    """A Swarm of one node; the images are those of the node's Docker."""

    is_swarm: bool = True
    swarm: InMemorySwarm = field(default_factory=InMemorySwarm)

    def __post_init__(self) -> None:
        """Let the node have the images, and the paths of this machine."""
        self.swarm.clock = self.docker.clock
        self.swarm.path_exists = lambda path: Path(path).exists()
        self.swarm.find_image = self._image
        self.swarm.add_node("node1", is_manager=True)
        super().__post_init__()

    def new_host(self, *, network: str) -> ContainerHost:
        """Return a client of the same Swarm for another network."""
        return SwarmContainerHost(
            InMemorySwarmApi(swarm=self.swarm),
            InMemoryImages(self.docker),
            InMemoryOutputs(self.swarm),
            self.docker.clock,
            SwarmPolicy(network=network, stop_grace=STOP_GRACE),
        )

    async def pass_time(self, seconds: float) -> None:
        """Advance the clock, and let the Swarm do what is due."""
        await super().pass_time(seconds)
        self.swarm.catch_up()

    def kill(self, container_id: ContainerId) -> None:
        """Let someone else kill the engine."""
        self.swarm.kill(container_id)

    def vanish(self, container_id: ContainerId) -> None:
        """Let someone else remove the service."""
        self.swarm.managers.removed(self.swarm.services.pop(container_id))

    async def send(self, call: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Let the call run until it has changed something."""
        before, task = self._versions(), asyncio.create_task(call)
        while self._versions() == before and not task.done():  # noqa: ASYNC110 - the double sends no notice
            await asyncio.sleep(0)
        return task

    def add_foreign(self, name: str, labels: Mapping[str, str], network: str) -> str:
        """Let someone else create a service, as another Runtime Manager would."""
        image = self.docker.find_image(GOOD)
        assert image is not None
        game_id = labels.get(GAME_ID_LABEL)
        number, at = self.swarm.next_number(), self.swarm.moment.wall
        service = MemoryService(
            id=new_id("service", number),
            spec={
                "Name": f"{game_prefix(game_id)}0" if game_id else name,
                "Labels": {**labels, kept.NETWORK: network},
                "TaskTemplate": {
                    "ContainerSpec": {"Image": image.id},
                    "Networks": [{"Target": on}]
                    if (on := self.swarm.networks.get(network))
                    else [],
                },
                "Mode": {"Replicated": {"Replicas": 0}},
            },
            version=self.swarm.next_index(),
            created_at=at,
            updated_at=at,
        )
        self.swarm.services[service.id] = service
        return service.id

    def attach(self, container_id: ContainerId) -> str:
        """Let someone else put the service on one more network, for which it gets a new task."""
        network, service = new_game_id(), self.swarm.services[container_id]
        self.swarm.networks[network] = new_id("network", self.swarm.next_number())
        target = {"Target": self.swarm.networks[network]}
        service.spec["TaskTemplate"]["Networks"].append(target)
        service.version = self.swarm.next_index()
        self.swarm.managers.changed(service)
        self.clock.advance(UNTIL_REPLACED)
        self.swarm.catch_up()
        return network

    def write(self, container_id: ContainerId, size: int) -> None:
        """Let the engine write, which Swarm does not show."""
        for task in self.swarm.tasks_of(container_id):
            if task.engine is not None:
                task.engine.written += size

    @property
    def clock(self) -> ManualClock:
        """The clock of Docker and Swarm."""
        assert isinstance(self.docker.clock, ManualClock)
        return self.docker.clock

    def _versions(self) -> list[int]:
        return [each.version for each in self.swarm.services.values()]

    def _image(self, reference: str) -> MemoryImage | None:
        wanted = reference.rpartition("@")[2]
        every = (*self.docker.images.values(), *self.docker.registry.values())
        return next((each for each in every if each.id == wanted), None)
