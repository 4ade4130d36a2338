"""The images and containers of the in-memory Docker engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Self

from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    ContainerStatus,
    EngineContainer,
    EngineImage,
    ImageId,
)

KILLED = 137
OOM_KILLED = 137
TERMINATED = 143


@dataclass(frozen=True, kw_only=True)
class ImageBehaviour:
    """What containers of an image do. The default is a good engine.

    Seconds count from the start of the container: `exits_after` with `exit_code`, `healthy_after`
    until `/healthz` answers; None is never.
    """

    refuses_to_start: str = ""
    exits_after: float | None = None
    exit_code: int = 0
    healthy_after: float | None = 0.0
    unhealthy_words: str = "/healthz answered 503"
    ignores_sigterm: bool = False
    stop_exit_code: int = TERMINATED
    output: tuple[str, ...] = ()
    passwd: str = ""
    group: str = ""


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
        """Make an image whose id follows from all that it is, as Docker's ids do."""
        behaviour = behaviour or ImageBehaviour()
        content = repr((reference, sorted(labels.items()), user, behaviour))
        image_id = ImageId(f"sha256:{sha256(content.encode()).hexdigest()}")
        return cls(id=image_id, labels=dict(labels), user=user, behaviour=behaviour)

    def shown(self) -> EngineImage:
        """Return the image as the port shows it."""
        return EngineImage(id=self.id, labels=self.labels, user=self.user)


Tell = Callable[["MemoryContainer", str, datetime], None]
"""Is told what happened to a container, in Docker's word, and when."""


@dataclass(kw_only=True)
class MemoryContainer:
    """A container and its run state."""

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
    restart_count: int = 0
    health: str | None = None
    output: list[str] = field(default_factory=list)
    tell: Tell = lambda *_: None

    @property
    def is_running(self) -> bool:
        """Tell whether the container's process is there."""
        return self.status is ContainerStatus.RUNNING

    @property
    def labels(self) -> dict[str, str]:
        """The container's labels: those of its image, and what it was created with on top."""
        return {**self.image.labels, **self.spec.labels}

    def run(self, now: datetime, address: str) -> None:
        """Start the process."""
        self.status, self.started_at, self.finished_at = ContainerStatus.RUNNING, now, None
        self.address, self.exit_code, self.oom_killed, self.error = address, 0, False, ""
        self.output.extend(self.image.behaviour.output)
        self.tell(self, "start", now)

    def refuse(self, words: str) -> None:
        """Keep what Docker keeps of a start that it could not do."""
        self.exit_code, self.error = 127, words

    def exit(self, now: datetime, exit_code: int, *, oom: bool = False) -> None:
        """End the process and give its address back; nothing happens when it does not run."""
        if self.is_running:
            self.status, self.finished_at = ContainerStatus.EXITED, now
            self.exit_code, self.oom_killed, self.address = exit_code, oom, None
            if oom:
                self.tell(self, "oom", now)
            self.tell(self, "die", now)

    def stop(self, now: datetime) -> None:
        """Ask the process to end, and kill it if it does not."""
        behaviour = self.image.behaviour
        self.exit(now, KILLED if behaviour.ignores_sigterm else behaviour.stop_exit_code)

    @property
    def exit_due(self) -> datetime | None:
        """When the process will exit by itself, as its image behaves; None is never."""
        seconds = self.image.behaviour.exits_after
        if not self.is_running or seconds is None or self.started_at is None:
            return None
        return self.started_at + timedelta(seconds=seconds)

    def settle(self, now: datetime) -> None:
        """Exit if this is due by now."""
        due = self.exit_due
        if due is not None and due <= now:
            self.exit(due, self.image.behaviour.exit_code)

    def is_healthy(self, now: datetime) -> bool:
        """Tell whether the engine answers `/healthz` by now."""
        return self.is_running and self._is_past(now, self.image.behaviour.healthy_after)

    def listed(self) -> EngineContainer:
        """Return the container as the list shows it."""
        return EngineContainer(
            id=self.id,
            name=self.name,
            status=self.status,
            labels=self.labels,
            image_id=self.image.id,
            created_at=self.created_at,
            address=self.address,
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
            address=self.address,
            exit_code=self.exit_code,
            oom_killed=self.oom_killed,
            error=self.error,
            started_at=self.started_at,
            finished_at=self.finished_at,
            restart_count=self.restart_count,
            health=self.health,
        )

    def _is_past(self, now: datetime, seconds: float | None) -> bool:
        if seconds is None or self.started_at is None:
            return False
        return now >= self.started_at + timedelta(seconds=seconds)
