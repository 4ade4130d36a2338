"""A Docker engine that lives in memory: what the daemon knows, whoever talks to it."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.docker_objects import (
    KILLED,
    OOM_KILLED,
    ImageBehaviour,
    MemoryContainer,
    MemoryImage,
)
from rtmanager.domain.container import ContainerId, ContainerSpec, ResourceLimits
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_events import ContainerEvent

NETWORK = "galaxy-net"
KEPT_EVENTS = 256
"""Docker forgets what happened before its last 256 events."""
_LIMITS = ResourceLimits(cpu_quota=1.0, memory_bytes=512 << 20, pids_limit=512)


@dataclass(kw_only=True)
class InMemoryDocker:
    """The daemon's world: images, the registry, networks, containers and their addresses.

    It outlives the managers that talk to it through InMemoryContainerEngine. Tests and the
    simulation change it with the methods here; what they need to see is in the public fields.
    """

    clock: Clock = field(default_factory=ManualClock)
    networks: set[str] = field(default_factory=lambda: {NETWORK})
    images: dict[str, MemoryImage] = field(default_factory=dict)
    registry: dict[str, MemoryImage] = field(default_factory=dict)
    registry_fault: str = ""
    reachable: bool = True
    cpus: float = 64.0
    path_exists: Callable[[str], bool] = lambda _path: True
    containers: dict[ContainerId, MemoryContainer] = field(default_factory=dict)
    pulls: list[str] = field(default_factory=list)
    starts: list[ContainerId] = field(default_factory=list)
    past_events: deque[ContainerEvent] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    listeners: list[Callable[[ContainerEvent], None]] = field(default_factory=list)
    _created: int = field(default=0, init=False)

    def add_image(
        self,
        reference: str,
        *,
        labels: Mapping[str, str] | None = None,
        user: str = "",
        behaviour: ImageBehaviour | None = None,
        in_registry: bool = False,
    ) -> MemoryImage:
        """Put an image on the host, or into the registry only; the reference moves to it."""
        image = MemoryImage.build(reference, labels or {}, user, behaviour or ImageBehaviour())
        shelf = self.registry if in_registry else self.images
        shelf[ImageRef.parse(reference).normalized] = image
        return image

    def remove_image(self, reference: str) -> None:
        """Take a reference off the host."""
        del self.images[ImageRef.parse(reference).normalized]

    def find_image(self, reference: str) -> MemoryImage | None:
        """Return the host's image with this reference or id."""
        for image in self.images.values():
            if image.id == reference:
                return image
        if reference.startswith("sha256:"):
            return None
        return self.images.get(ImageRef.parse(reference).normalized)

    def add_container(self, spec: ContainerSpec, image: MemoryImage) -> MemoryContainer:
        """Create a container as asked, without any check."""
        self._created += 1
        container_id = ContainerId(sha256(f"{self._created} {spec.name}".encode()).hexdigest())
        container = MemoryContainer(
            id=container_id,
            name=spec.name,
            spec=spec,
            image=image,
            created_at=self.clock.now(),
            tell=self._tell,
        )
        self.containers[container_id] = container
        return container

    def add_foreign(
        self,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        network: str = NETWORK,
        running: bool = False,
        behaviour: ImageBehaviour | None = None,
    ) -> MemoryContainer:
        """Create a container that someone else made, with whatever labels they gave it."""
        image = MemoryImage.build(f"foreign/{name}", {}, "", behaviour)
        spec = ContainerSpec(
            name=name,
            hostname=name,
            image=image.id,
            labels=dict(labels or {}),
            environment={},
            network=network,
            state_path="",
            mount_path="",
            limits=_LIMITS,
            read_only_root=False,
        )
        container = self.add_container(spec, image)
        if running:
            self.run(container)
        return container

    def run(self, container: MemoryContainer) -> None:
        """Make the container's process run, at the lowest free address as Docker does."""
        container.run(self.clock.now(), self._free_address())
        self.starts.append(container.id)
        container.settle(self.clock.now())

    def crash(self, container_id: ContainerId, *, exit_code: int = 1) -> None:
        """Let the container's process exit by itself."""
        self.settle()
        self.containers[container_id].exit(self.clock.now(), exit_code)

    def oom(self, container_id: ContainerId) -> None:
        """Let the kernel kill the container for want of memory."""
        self.settle()
        self.containers[container_id].exit(self.clock.now(), OOM_KILLED, oom=True)

    def kill(self, container_id: ContainerId) -> None:
        """Let someone else kill the container."""
        self.settle()
        self.containers[container_id].exit(self.clock.now(), KILLED)

    def vanish(self, container_id: ContainerId) -> None:
        """Remove the container, running or not."""
        self.settle()
        container, now = self.containers.pop(container_id), self.clock.now()
        container.exit(now, KILLED)
        self._tell(container, "destroy", now)

    def settle(self) -> None:
        """Bring every container up to the present: those due to exit by now have exited."""
        now = self.clock.now()
        due = [(at, one) for one in self.containers.values() if (at := one.exit_due) and at <= now]
        for _, container in sorted(due, key=lambda pair: pair[0]):
            container.settle(now)

    @property
    def next_exit(self) -> datetime | None:
        """When the next container is due to exit by itself."""
        return min((at for one in self.containers.values() if (at := one.exit_due)), default=None)

    def at_address(self, address: str) -> MemoryContainer | None:
        """Return the running container that has this address now."""
        self.settle()
        running = (one for one in self.containers.values() if one.is_running)
        return next((one for one in running if one.address == address), None)

    def _tell(self, container: MemoryContainer, action: str, at: datetime) -> None:
        """Tell all who listen, and those who will ask later, of a container of ours."""
        shown = container.listed()
        if not shown.is_ours or shown.game_id is None:
            return
        event = ContainerEvent(shown.game_id, shown.id, action, at.timestamp())
        self.past_events.append(event)
        for listener in tuple(self.listeners):
            listener(event)

    def _free_address(self) -> str:
        used = {one.address for one in self.containers.values()}
        candidates = (f"172.30.{n >> 8}.{n & 255}" for n in range(2, 1 << 16))
        return next(address for address in candidates if address not in used)
