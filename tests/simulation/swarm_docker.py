"""A Swarm in the place of a Docker: its services are shown as the containers that they stand for.

What is shown here is the truth, not what the managers know: a container runs while an engine of it
can write, on whichever node.
"""

from dataclasses import dataclass, field, replace

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer, MemoryImage
from rtmanager.adapters.in_memory.docker_world import NETWORK, InMemoryDocker
from rtmanager.adapters.in_memory.swarm_services import MemoryService, image_of, mounted
from rtmanager.adapters.in_memory.swarm_tasks import MemoryTask
from rtmanager.adapters.in_memory.swarm_world import InMemorySwarm
from rtmanager.adapters.swarm import labels
from rtmanager.domain.container import ContainerId, ContainerSpec, ImageId, ResourceLimits


@dataclass(kw_only=True, eq=False)
class ServiceContainer(MemoryContainer):
    """A service as a container; it runs while one of its tasks does."""

    tasks: list[MemoryTask] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        """Return whether an engine of it can write."""
        return any(each.writes for each in self.tasks)

    @property
    def exit_due(self) -> None:
        """Nothing is due here: the Swarm ends its engines."""
        return None

    def is_healthy(self, elapsed: float) -> bool:
        """Return whether its engine answers."""
        engines = (each.engine for each in self.tasks if each.engine is not None)
        return any(each.is_healthy(elapsed) for each in engines)


@dataclass(kw_only=True)
class SwarmAsDocker(InMemoryDocker):
    """The Docker of a manager: it has the images, and its containers are the Swarm's services."""

    swarm: InMemorySwarm = field(default_factory=InMemorySwarm)
    _versions: dict[ContainerId, int] = field(default_factory=dict, init=False)
    _started: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        """Let the nodes have the images of this Docker and of its registry."""
        self.swarm.find_image = self._image_of_service

    @property
    def next_due(self) -> float | None:
        """When the Swarm, or a pull on the manager, goes on without a request."""
        dues = (super().next_due, self.swarm.next_due)
        return min((due for due in dues if due is not None), default=None)

    def catch_up(self) -> None:
        """Let the Swarm do what is due, and show its services as they are."""
        self.swarm.catch_up()
        super().catch_up()
        for task in self.swarm.alive.values():
            if task.id not in self._started:
                self._started.add(task.id)
                self.starts.append(ContainerId(task.service_id))
        for gone in self.containers.keys() - self.swarm.services.keys():
            del self.containers[gone]
        for service in self.swarm.services.values():
            self._show(service)

    def crash(self, container_id: ContainerId, *, exit_code: int = 1) -> None:
        """Let the engine exit on its own."""
        self.swarm.crash(container_id, exit_code=exit_code)

    def oom(self, container_id: ContainerId) -> None:
        """Let the kernel kill the engine."""
        self.swarm.oom(container_id)

    def kill(self, container_id: ContainerId) -> None:
        """Let someone on the node kill the engine."""
        self.swarm.kill(container_id)

    def at_address(self, address: str) -> MemoryContainer | None:
        """Return the engine that answers at this address."""
        task = self.swarm.at_address(address)
        return task.engine if task else None

    def _show(self, service: MemoryService) -> None:
        shown = self.containers.get(ContainerId(service.id))
        if not isinstance(shown, ServiceContainer):
            shown = self._new(service)
        shown.tasks[:] = self.swarm.tasks_of(service.id)
        if self._versions.get(shown.id) != service.version:
            self._versions[shown.id] = service.version
            shown.name = service.labels.get(labels.NAME, service.name)
            shown.spec = replace(shown.spec, labels=labels.without_ours(service.labels))

    def _new(self, service: MemoryService) -> ServiceContainer:
        template = service.spec["TaskTemplate"]
        image = self._image_of_service(image_of(template))
        shown = ServiceContainer(
            id=ContainerId(service.id),
            name=service.name,
            spec=_specification(service),
            image=image or MemoryImage.build("none", {}, ""),
            created_at=service.created_at,
        )
        self.containers[shown.id] = shown
        return shown

    def _image_of_service(self, reference: str) -> MemoryImage | None:
        wanted = reference.rpartition("@")[2]
        every = (*self.images.values(), *self.registry.values())
        return next((each for each in every if each.id == wanted), None)


def _specification(service: MemoryService) -> ContainerSpec:
    """Return what of a service's specification a container shows; names and labels may change."""
    template = service.spec["TaskTemplate"]
    return ContainerSpec(
        name=service.name,
        hostname=template["ContainerSpec"].get("Hostname", ""),
        image=ImageId(image_of(template)),
        labels={},
        environment={},
        network=NETWORK,
        state_path=next(iter(mounted(template)), ""),
        mount_path="",
        limits=ResourceLimits(cpu_quota=1.0, memory_bytes=512 << 20, pids_limit=512),
        read_only_root=False,
    )
