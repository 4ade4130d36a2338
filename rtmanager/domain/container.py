"""Engine containers as Docker shows them, with their names and labels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from rtmanager.domain.node import Placement

ContainerId = NewType("ContainerId", str)
ImageId = NewType("ImageId", str)

OWNER_LABEL = "com.galaxy.owner"
KIND_LABEL = "com.galaxy.kind"
GAME_ID_LABEL = "com.galaxy.game_id"
IMAGE_REF_LABEL = "com.galaxy.engine_image_ref"
STARTED_AT_LABEL = "com.galaxy.started_at_ms"
OPERATION_LABEL = "com.galaxy.op_id"
MAX_FENCE_DIGITS = 18
"""What fits in the database's 64 bits; anyone may have written the label."""
INSTALLATION_LABEL = "com.galaxy.installation"
OWNER = "rtmanager"
KIND = "game-engine"
ENGINE_PORT = 8080
MARKER_TARGET = "/.galaxy-state"
"""Where an engine has the marker of the shared storage; of no use to it."""
MEMORY_UNITS = {"g": 1 << 30, "m": 1 << 20, "k": 1 << 10, "b": 1}
LEAST_MEMORY = 6 << 20
"""Docker refuses less for a container."""
LEAST_CPU_QUOTA = 0.01
"""Docker refuses less for a container."""

_MEMORY = re.compile(r"([0-9]{1,15})([kmg]?)b?", re.ASCII | re.IGNORECASE)


class ContainerStatus(StrEnum):
    """Docker's container states; STARTING is of a Swarm, which still places or prepares it."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"
    DEAD = "dead"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineContainer:
    """A container as Docker's list shows it. All labels are kept; the fence is read from them.

    `address` is the container's IP on the configured network, None when it has none; never store
    it, since Docker reuses addresses. `network` is the network it was created on, `attached_to` are
    all networks that it is attached to, running or not. `health` is the state of Docker's own
    health check, None without one. `up_for` are the seconds for which the process has been running
    at least; None when that is unknown, and so is then the health in a list.

    `placement` is the node of a Swarm, None on a single host and before it is placed. An engine
    that `ended_with_node` has not ended by itself: its node was lost, or ended it on coming back.
    """

    id: ContainerId
    name: str
    status: ContainerStatus
    labels: Mapping[str, str]
    image_id: ImageId
    created_at: datetime
    network: str
    address: str | None
    attached_to: frozenset[str] = frozenset()
    health: str | None = None
    up_for: float | None = None
    placement: Placement | None = None
    ended_with_node: bool = False

    @property
    def game_id(self) -> str | None:
        """The game id label, unchecked: anyone may have written it."""
        return self.labels.get(GAME_ID_LABEL)

    @property
    def fence(self) -> int | None:
        """The id of the operation that created the container; None when the label is not an id."""
        text = self.labels.get(OPERATION_LABEL, "")
        is_id = text.isascii() and text.isdigit() and len(text) <= MAX_FENCE_DIGITS
        return int(text) if is_id else None

    @property
    def image_ref(self) -> str | None:
        """The image reference that the container was started from; None without that label."""
        return self.labels.get(IMAGE_REF_LABEL) or None

    @property
    def installation(self) -> str | None:
        """The installation that created the container; None if the release had no stamps yet."""
        return self.labels.get(INSTALLATION_LABEL)

    @property
    def has_our_labels(self) -> bool:
        """Return whether the container has the labels of any Runtime Manager."""
        return self.labels.get(OWNER_LABEL) == OWNER and self.labels.get(KIND_LABEL) == KIND

    @property
    def is_running(self) -> bool:
        """Return whether the engine's process exists, may exist, or is about to.

        On a node that is down it may exist: whatever was last seen there counts as running.
        """
        return self.status in {
            ContainerStatus.STARTING,
            ContainerStatus.RUNNING,
            ContainerStatus.PAUSED,
            ContainerStatus.RESTARTING,
        }

    @property
    def is_out_of_reach(self) -> bool:
        """Return whether nobody knows if the engine runs, because its node is down."""
        return self.is_running and self.placement is not None and self.placement.is_down

    @property
    def is_lost(self) -> bool:
        """Return whether the engine has ended with its node: it is to be started elsewhere."""
        return self.ended_with_node and self.is_usable and not self.is_running

    @property
    def node_name(self) -> str:
        """Return the name of the node for a sentence."""
        return f"node {self.placement.name}" if self.placement else "its node"

    @property
    def is_being_removed(self) -> bool:
        """Return whether Docker is removing the container; the engine may still be alive."""
        return self.status is ContainerStatus.REMOVING

    @property
    def is_usable(self) -> bool:
        """Return whether Docker can do more with the container than remove it."""
        return self.status not in {ContainerStatus.DEAD, ContainerStatus.REMOVING}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerDetails(EngineContainer):
    """A container as Docker's inspect shows it: the list's view and its run state.

    `exit_code` is meaningful only while the container is not running, and None when the platform
    does not show it any more. `state_path` is the host
    directory mounted as the engine's state, None when there is none.
    """

    exit_code: int | None
    oom_killed: bool
    error: str
    started_at: datetime | None
    finished_at: datetime | None
    restart_count: int
    state_path: str | None

    @property
    def was_started(self) -> bool:
        """Return whether the engine's process was ever started."""
        return self.started_at is not None and self.status is not ContainerStatus.CREATED


@dataclass(frozen=True, slots=True)
class HealthIntervals:
    """How many nanoseconds Docker waits between its own health checks of a container.

    `starting` is used in the engine's start period, by newer Dockers. 0 is Docker's default.
    """

    running: int
    starting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineImage:
    """An image on the host: its id, its labels, the user that its engine runs as, its volumes.

    All but the id was written by whoever made the image, and may be anything. `health_intervals`
    is None when Docker has no health check to run; `health_test_length` are the characters of what
    it would execute.
    """

    id: ImageId
    labels: Mapping[str, str]
    user: str
    volumes: tuple[str, ...] = ()
    health_intervals: HealthIntervals | None = None
    health_test_length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits:
    """What one engine may use: CPU cores, bytes of memory, processes."""

    cpu_quota: float
    memory_bytes: int
    pids_limit: int


def parse_memory(text: str) -> int:
    """Return the bytes of a size such as `512m`, `2g` or `1GB`; raise ValueError otherwise."""
    match = _MEMORY.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise ValueError("not a size of memory")
    return int(match[1]) * MEMORY_UNITS[match[2].lower() or "b"]


def render_memory(amount: int) -> str:
    """Write an amount of memory in the largest unit that keeps it a whole number."""
    unit, size = next(item for item in MEMORY_UNITS.items() if amount % item[1] == 0)
    return f"{amount // size}{unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """Everything Docker needs to create one engine container.

    `scratch` are the directories that lie in memory, each of `scratch_bytes`. `disk_limit` is what
    the container may write to its own file system, where Docker can limit that. `runtime` None
    means the daemon's default. `health_intervals` replace those of the image's health check.

    `state_marker` is a file of the state root that the host must have: it is mounted read-only, so
    that Docker refuses to start the engine where the shared storage is not mounted.
    """

    name: str
    hostname: str
    image: ImageId
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    network: str
    state_path: str
    mount_path: str
    limits: ResourceLimits
    read_only_root: bool
    scratch: tuple[str, ...] = ()
    scratch_bytes: int = 0
    disk_limit: int | None = None
    runtime: str | None = None
    health_intervals: HealthIntervals | None = None
    state_marker: str | None = None


def container_name(game_id: str) -> str:
    """Return the name, hostname and DNS label of a game's engine container."""
    return f"galaxy-game-{game_id}"


def parked_name(game_id: str, fence: int) -> str:
    """Return the name under which operation `fence` keeps the predecessor until its outcome.

    It is outside the engines' namespace: no game's engine can have this name.
    """
    return f"galaxy-parked-{fence}-{game_id}"


def parked_name_of_0_1(game_id: str, fence: int) -> str:
    """Return the name under which release 0.1 kept the predecessor of an operation."""
    return f"{container_name(game_id)}.parked-{fence}"


def aside_name(game_id: str, fence: int) -> str:
    """Return the name that operation `fence` gives to a container which it cannot remove."""
    return f"galaxy-aside-{fence}-{game_id}"


def engine_endpoint(game_id: str) -> str:
    """Return the stable URL under which callers in the network reach the engine."""
    return f"http://{container_name(game_id)}:{ENGINE_PORT}"
