"""An in-memory Docker: the daemon's state, shared by all its clients."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import TypeVar

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.docker_effects import (
    CLOSE_ENOUGH,
    Act,
    Effect,
    EffectQueue,
    FateOf,
    Moment,
)
from rtmanager.adapters.in_memory.docker_networks import AddressSpace
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
from rtmanager.domain.ports.container_host import ContainerNameInUse

T = TypeVar("T")
NETWORK = "galaxy-net"
KEPT_EVENTS = 256
"""Docker keeps only its last 256 events."""
_LIMITS = ResourceLimits(cpu_quota=1.0, memory_bytes=512 << 20, pids_limit=512)


@dataclass(kw_only=True)
class InMemoryDocker:
    """The daemon's state: images, the registry, networks, containers and their addresses.

    It outlives the managers that use it through InMemoryContainerHost. Tests and the simulation
    change it with the methods here, like someone with a shell, and read the public fields.

    `durations` has the seconds that a pull, create, start, rename, stop or remove takes before its
    effect (a removal is visible meanwhile); the image's behaviour adds the time of a stop.
    `fate_of` decides the fate of each changing call. What takes time, or is late, happens when it
    is due, even if its caller has left: at `next_due`, when `catch_up` is called. The list shows
    states that are `lag` seconds old.
    """

    clock: Clock = field(default_factory=ManualClock)
    networks: set[str] = field(default_factory=lambda: {NETWORK})
    images: dict[str, MemoryImage] = field(default_factory=dict)
    registry: dict[str, MemoryImage] = field(default_factory=dict)
    registry_fault: str = ""
    reachable: bool = True
    cpus: float = 64.0
    path_exists: Callable[[str], bool] = lambda _path: True
    durations: dict[str, float] = field(default_factory=dict)
    fate_of: FateOf | None = None
    lag: float = 0.0
    containers: dict[ContainerId, MemoryContainer] = field(default_factory=dict)
    pulls: list[str] = field(default_factory=list)
    starts: list[ContainerId] = field(default_factory=list)
    past_events: deque[ContainerEvent] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    listeners: list[Callable[[ContainerEvent], None]] = field(default_factory=list)
    wakers: list[Callable[[], None]] = field(default_factory=list)
    addresses: AddressSpace = field(default_factory=AddressSpace)
    _created: int = field(default=0, init=False)
    _effects: EffectQueue = field(default_factory=EffectQueue, init=False)

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
        """Remove a reference from the host."""
        del self.images[ImageRef.parse(reference).normalized]

    def find_image(self, reference: str | ImageRef) -> MemoryImage | None:
        """Return the host's image with this reference or id."""
        if isinstance(reference, ImageRef):
            return self.images.get(reference.normalized)
        if reference.startswith("sha256:"):
            return next((one for one in self.images.values() if one.id == reference), None)
        return self.find_image(ImageRef.parse(reference))

    def add_container(self, spec: ContainerSpec, image: MemoryImage) -> MemoryContainer:
        """Create a container as specified; only the uniqueness of its name is checked."""
        self.check_name_free(spec.name)
        self._created += 1
        container_id = ContainerId(sha256(f"{self._created} {spec.name}".encode()).hexdigest())
        container = MemoryContainer(
            id=container_id,
            name=spec.name,
            spec=spec,
            image=image,
            created_at=self.moment.wall,
            on_event=self._publish,
        )
        self.containers[container_id] = container
        return container

    def add_foreign(  # noqa: PLR0913 - everything others may choose
        self,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        network: str = NETWORK,
        running: bool = False,
        behaviour: ImageBehaviour | None = None,
        state_path: str = "",
    ) -> MemoryContainer:
        """Create a container of someone else, with any labels."""
        self.catch_up()
        image = MemoryImage.build(f"foreign/{name}", {}, "", behaviour)
        spec = ContainerSpec(
            name=name,
            hostname=name,
            image=image.id,
            labels=dict(labels or {}),
            environment={},
            network=network,
            state_path=state_path,
            mount_path="",
            limits=_LIMITS,
            read_only_root=False,
        )
        container = self.add_container(spec, image)
        if running:
            self.run(container)
        return container

    def run(self, container: MemoryContainer) -> None:
        """Start the container by hand; no-op when it runs."""
        self.catch_up()
        self.run_at(container, self.moment)

    def crash(self, container_id: ContainerId, *, exit_code: int = 1) -> None:
        """Let the container's process exit on its own."""
        self.catch_up()
        self.containers[container_id].exit(self.moment, exit_code)

    def oom(self, container_id: ContainerId) -> None:
        """Let the kernel kill the container for lack of memory."""
        self.catch_up()
        self.containers[container_id].exit(self.moment, OOM_KILLED, oom=True)

    def kill(self, container_id: ContainerId) -> None:
        """Let someone else kill the container."""
        self.catch_up()
        self.containers[container_id].signal(self.moment, "SIGKILL")
        self.containers[container_id].exit(self.moment, KILLED)

    def stop(self, container_id: ContainerId, *, grace: float = 10.0) -> None:
        """Let someone else stop the container; it may take its time."""
        self.catch_up()
        self.containers[container_id].stop(self.moment, grace)
        self.wake_listeners()

    def rename(self, container_id: ContainerId, name: str) -> None:
        """Let someone else rename the container; Docker refuses a name in use."""
        self.catch_up()
        self.check_name_free(name)
        self.containers[container_id].name = name

    def connect(self, container_id: ContainerId, network: str) -> str:
        """Let someone else attach a running container to one more network; return its address."""
        self.catch_up()
        self.networks.add(network)
        address = self._free_address(network)
        self.containers[container_id].elsewhere[network] = address
        return address

    def vanish(self, container_id: ContainerId, *, after: float = 0.0) -> None:
        """Let someone else remove the container by force; it is shown as removing for `after` s."""
        self.catch_up()
        self.begin_removal(self.containers[container_id], self.moment, seconds=after)

    def recreate(self, container_id: ContainerId) -> MemoryContainer:
        """Let someone else replace the container with an equal, stopped one with another id."""
        container = self.containers[container_id]
        self.vanish(container_id)
        return self.add_container(replace(container.spec, name=container.name), container.image)

    def drop_labels(self, container_id: ContainerId, *labels: str) -> None:
        """Make the container one that was created without these labels."""
        container = self.containers[container_id]
        kept = {name: value for name, value in container.spec.labels.items() if name not in labels}
        container.spec = replace(container.spec, labels=kept)

    @property
    def moment(self) -> Moment:
        """The current moment."""
        return self._moment_of(self.clock.monotonic())

    @property
    def next_due(self) -> float | None:
        """When the next effect or exit is due, in the clock's monotonic seconds."""
        dues = [self._effects.next_due, *(one.exit_due for one in self.containers.values())]
        return min((due for due in dues if due is not None), default=None)

    def catch_up(self) -> None:
        """Run everything that is due, in order and each at its own moment."""
        now = self.clock.monotonic() + CLOSE_ENOUGH
        while (due := self.next_due) is not None and due <= now:
            moment = self._moment_of(due)
            if due == self._effects.next_due:
                self._effects.pop().happen(moment)
            for container in tuple(self.containers.values()):
                container.catch_up(moment)

    def schedule(self, act: Act[T], *, after: float) -> Effect[T]:
        """Schedule an effect in `after` seconds; run it immediately when that is zero."""
        effect = Effect(self.clock.monotonic() + after, act)
        self._effects.add(effect)
        self.catch_up()
        self.wake_listeners()
        return effect

    def run_at(self, container: MemoryContainer, at: Moment) -> None:
        """Start the container's process, at the lowest free address as Docker does."""
        if not container.is_running:
            container.run(at, self._free_address(container.spec.network))
            self.starts.append(container.id)
            container.catch_up(at)

    def begin_removal(
        self, container: MemoryContainer, at: Moment, *, seconds: float
    ) -> Effect[None]:
        """Begin to remove the container, or join the removal in progress."""
        if container.removal is not None:
            return container.removal
        removal = Effect(at.elapsed + seconds, lambda end: self._destroy(container, end))
        container.leave(at, removal)
        self._effects.add(removal)
        self.catch_up()
        self.wake_listeners()
        return removal

    def holder_of(self, name: str) -> MemoryContainer | None:
        """Return the container of this name, ours or not."""
        return next((one for one in self.containers.values() if one.name == name), None)

    def check_name_free(self, name: str) -> None:
        """Raise ContainerNameInUse when a container has the name, even one being removed."""
        if self.holder_of(name):
            raise ContainerNameInUse(f'Conflict. The container name "/{name}" is already in use')

    def at_address(self, address: str) -> MemoryContainer | None:
        """Return the container that runs at this address now."""
        self.catch_up()
        running = (one for one in self.containers.values() if one.is_running)
        return next((one for one in running if one.address == address), None)

    def wake_listeners(self) -> None:
        """Wake the event listeners, which check when the next effect is due."""
        for wake in tuple(self.wakers):
            wake()

    def _destroy(self, container: MemoryContainer, at: Moment) -> None:
        container.signal(at, "SIGKILL")
        container.exit(at, KILLED)
        del self.containers[container.id]
        self._publish(container, "destroy", at)

    def _moment_of(self, elapsed: float) -> Moment:
        ago = timedelta(seconds=self.clock.monotonic() - elapsed)
        return Moment(self.clock.now() - ago, elapsed)

    def _publish(self, container: MemoryContainer, action: str, at: Moment) -> None:
        """Send an event of our container to the listeners, and keep it for later ones."""
        shown = container.listed()
        if not shown.has_our_labels or shown.game_id is None:
            return
        event = ContainerEvent(
            shown.game_id,
            shown.id,
            action,
            at.wall.timestamp(),
            signal=container.last_signal if action == "kill" else None,
            exit_code=container.exit_code if action == "die" else None,
        )
        self.past_events.append(event)
        for listener in tuple(self.listeners):
            listener(event)

    def _free_address(self, network: str) -> str:
        used = (address for one in self.containers.values() for address in one.addresses.values())
        return self.addresses.free(network, frozenset(used))
