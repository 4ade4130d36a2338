"""The images and containers of the in-memory Docker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Self

from rtmanager.adapters.in_memory.docker_effects import CLOSE_ENOUGH, Effect, Moment
from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    ContainerStatus,
    EngineContainer,
    EngineImage,
    HealthIntervals,
    ImageId,
)
from rtmanager.domain.node import Placement

KILLED = 137
OOM_KILLED = 137
TERMINATED = 143


@dataclass(frozen=True, kw_only=True)
class ImageBehaviour:
    """How containers of an image behave. The default is a healthy engine.

    Seconds count from the start of the container: `exits_after` with `exit_code`, `healthy_after`
    until `/healthz` answers; None is never. A stop takes `stops_in` seconds; an engine that ignores
    the signal, or takes longer, is killed when its grace is over.
    """

    refuses_to_start: str = ""
    exits_after: float | None = None
    exit_code: int = 0
    healthy_after: float | None = 0.0
    unhealthy_words: str = "/healthz answered 503"
    ignores_sigterm: bool = False
    stops_in: float = 0.0
    stop_exit_code: int = TERMINATED
    output: tuple[str, ...] = ()
    passwd: str = ""
    group: str = ""
    volumes: tuple[str, ...] = ()
    health_intervals: HealthIntervals | None = None
    health_test_length: int = 0


@dataclass(frozen=True, kw_only=True)
class MemoryImage:
    """An image, on the host or in the registry."""

    id: ImageId
    labels: Mapping[str, str]
    user: str
    behaviour: ImageBehaviour

    @classmethod
    def build(
        cls,
        reference: str,
        labels: Mapping[str, str],
        user: str,
        behaviour: ImageBehaviour | None = None,
    ) -> Self:
        """Make an image whose id is a hash of its content, like Docker's ids."""
        behaviour = behaviour or ImageBehaviour()
        content = repr((reference, sorted(labels.items()), user, behaviour))
        image_id = ImageId(f"sha256:{sha256(content.encode()).hexdigest()}")
        return cls(id=image_id, labels=dict(labels), user=user, behaviour=behaviour)

    def shown(self) -> EngineImage:
        """Return the image as the port returns it."""
        return EngineImage(
            id=self.id,
            labels=self.labels,
            user=self.user,
            volumes=self.behaviour.volumes,
            health_intervals=self.behaviour.health_intervals,
            health_test_length=self.behaviour.health_test_length,
        )


OnEvent = Callable[["MemoryContainer", str, Moment], None]
"""Called with the container, Docker's name for what happened to it, and the time."""

_ALIVE = {ContainerStatus.RUNNING, ContainerStatus.PAUSED, ContainerStatus.RESTARTING}


@dataclass(kw_only=True)
class MemoryContainer:
    """A container and its run state.

    `life` counts its starts. `removal` is the removal in progress, if any. `elsewhere` has its
    addresses on the networks that others attached it to. `placement` is what a test says.
    """

    id: ContainerId
    name: str
    spec: ContainerSpec
    image: MemoryImage
    created_at: datetime
    status: ContainerStatus = ContainerStatus.CREATED
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    address: str | None = None
    elsewhere: dict[str, str] = field(default_factory=dict)
    restart_count: int = 0
    health: str | None = None
    output: list[str] = field(default_factory=list)
    written: int = 0
    on_event: OnEvent = lambda *_: None
    life: int = 0
    last_signal: str = ""
    removal: Effect[None] | None = None
    placement: Placement | None = None
    ended_with_node: bool = False
    _born: float = field(default=0.0, init=False)
    _stop_due: float | None = field(default=None, init=False)
    _stop_code: int = field(default=TERMINATED, init=False)
    _past: list[tuple[float, ContainerStatus]] = field(default_factory=list, init=False)

    @property
    def is_running(self) -> bool:
        """Return whether the container's process exists, as it may during a removal."""
        is_being_removed = self.status is ContainerStatus.REMOVING and self.address is not None
        return self.status in _ALIVE or is_being_removed

    @property
    def addresses(self) -> dict[str, str]:
        """The container's addresses by network; none when it does not run."""
        return {} if self.address is None else {self.spec.network: self.address, **self.elsewhere}

    @property
    def attached_to(self) -> frozenset[str]:
        """All networks that the container is attached to."""
        return frozenset({self.spec.network, *self.elsewhere})

    @property
    def labels(self) -> dict[str, str]:
        """The container's labels: those of its image, overridden by those it was created with."""
        return {**self.image.labels, **self.spec.labels}

    def run(self, at: Moment, address: str) -> None:
        """Start the process."""
        self._become(ContainerStatus.RUNNING, at)
        self.started_at, self.finished_at, self._born = at.wall, None, at.elapsed
        self.address, self.exit_code, self.oom_killed, self.error = address, 0, False, ""
        self._stop_due = None
        self.life += 1
        self.output.extend(self.image.behaviour.output)
        self.on_event(self, "start", at)

    def refuse(self, words: str) -> None:
        """Record a failed start as Docker does."""
        self.exit_code, self.error = 127, words

    def exit(self, at: Moment, exit_code: int, *, oom: bool = False) -> None:
        """End the process and free its address; no-op when it does not run."""
        if self.is_running:
            if self.status is not ContainerStatus.REMOVING:
                self._become(ContainerStatus.EXITED, at)
            self.finished_at, self._stop_due = at.wall, None
            self.exit_code, self.oom_killed, self.address = exit_code, oom, None
            if oom:
                self.on_event(self, "oom", at)
            self.on_event(self, "die", at)

    def signal(self, at: Moment, name: str) -> None:
        """Announce that the process is sent a signal; it has an effect of its own elsewhere."""
        if self.is_running:
            self.last_signal = name
            self.on_event(self, "kill", at)

    def stop(self, at: Moment, grace: float) -> None:
        """Ask the process to end: it takes its time, or is killed when the grace is over."""
        behaviour = self.image.behaviour
        obeys = not behaviour.ignores_sigterm and behaviour.stops_in <= grace
        due = at.elapsed + (behaviour.stops_in if obeys else grace)
        self.signal(at, "SIGTERM")
        if self.is_running and (self._stop_due is None or due < self._stop_due):
            self._stop_due = due
            self._stop_code = behaviour.stop_exit_code if obeys else KILLED
            self.catch_up(at)

    def leave(self, at: Moment, removal: Effect[None]) -> None:
        """Mark the container as being removed."""
        self._become(ContainerStatus.REMOVING, at)
        self.removal = removal

    @property
    def exit_due(self) -> float | None:
        """When the process will exit, on its own or because it was asked to; None is never."""
        if not self.is_running:
            return None
        dues = [due for due in (self._own_exit, self._stop_due) if due is not None]
        return min(dues, default=None)

    def catch_up(self, at: Moment) -> None:
        """Exit if that is due by then."""
        due = self.exit_due
        if due is not None and due <= at.elapsed + CLOSE_ENOUGH:
            by_itself = due != self._stop_due
            if not by_itself and self._stop_code == KILLED:
                self.signal(at, "SIGKILL")
            self.exit(at, self.image.behaviour.exit_code if by_itself else self._stop_code)

    def is_healthy(self, elapsed: float) -> bool:
        """Return whether the engine answers `/healthz` by then."""
        seconds = self.image.behaviour.healthy_after
        return self.is_running and seconds is not None and elapsed >= self._born + seconds

    def restart(self, at: Moment) -> None:
        """Begin the process again, as a restart policy does that somebody has set."""
        self.started_at, self._born = at.wall, at.elapsed
        self.restart_count += 1

    def listed(self, *, now: float | None = None, then: float | None = None) -> EngineContainer:
        """Return the container as the list shows it `now`, with its state at `then`."""
        status = self.status if then is None else self._status_at(then)
        is_up = now is not None and status is ContainerStatus.RUNNING
        return EngineContainer(
            id=self.id,
            name=self.name,
            status=status,
            labels=self.labels,
            image_id=self.image.id,
            created_at=self.created_at,
            network=self.spec.network,
            address=self.address if status in _ALIVE else None,
            attached_to=self.attached_to,
            health=self.health if is_up else None,
            up_for=now - self._born if is_up and now is not None else None,
            placement=self.placement,
            ended_with_node=self.ended_with_node,
        )

    def details(self) -> ContainerDetails:
        """Return the container as inspect shows it."""
        return ContainerDetails(
            id=self.id,
            name=self.name,
            status=self.status,
            labels=self.labels,
            image_id=self.image.id,
            created_at=self.created_at,
            network=self.spec.network,
            address=self.address,
            attached_to=self.attached_to,
            exit_code=self.exit_code,
            oom_killed=self.oom_killed,
            error=self.error,
            started_at=self.started_at,
            finished_at=self.finished_at,
            restart_count=self.restart_count,
            health=self.health,
            state_path=self.spec.state_path or None,
            placement=self.placement,
            ended_with_node=self.ended_with_node,
        )

    @property
    def _own_exit(self) -> float | None:
        seconds = self.image.behaviour.exits_after
        return None if seconds is None else self._born + seconds

    def _become(self, status: ContainerStatus, at: Moment) -> None:
        self._past.append((at.elapsed, self.status))
        self.status = status

    def _status_at(self, then: float) -> ContainerStatus:
        """Return the status before the first change after `then`."""
        return next((was for until, was in self._past if until > then), self.status)
