"""The container host: what the domain needs from Docker."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    EngineContainer,
    EngineImage,
    ImageId,
)
from rtmanager.domain.container_network import ContainerNetwork, NetworkId
from rtmanager.domain.container_output import OutputBatch, OutputRequest
from rtmanager.domain.errors import (
    ContainerStartFailed,
    DockerUnavailable,
    ImagePullFailed,
    RuntimeManagerError,
    ServiceUnavailable,
    StartConfigInvalid,
)
from rtmanager.domain.image_ref import ImageRef

__all__ = [
    "ContainerGone",
    "ContainerHost",
    "ContainerNameInUse",
    "ContainerRuns",
    "ContainerStartFailed",
    "DockerUnavailable",
    "HostRefused",
    "HostSilent",
    "ImagePullFailed",
    "PullFault",
    "StartConfigInvalid",
    "TooManyReaders",
]


class PullFault(StrEnum):
    """What a caller learns of a failed pull.

    The words of a registry, which may be any server that Docker can reach, are the error's detail.
    """

    UNKNOWN_IMAGE = "the registry does not know this image, or needs credentials for it"
    REFUSED = "the registry refused access; check the credentials"
    UNREACHABLE = "the registry cannot be reached"
    NO_ANSWER = "the registry did not answer in time"
    NOT_TRUSTED = "the registry has no TLS certificate that Docker trusts"
    TOO_MANY = "the registry refuses more pulls for now"
    NO_SPACE = "the Docker host has no space left"
    OTHER = "the registry did not answer as registries do, or the pull broke off"


class HostSilent(DockerUnavailable):
    """Docker did not answer in time: it may be slow, and need not be gone."""


class HostRefused(RuntimeManagerError):
    """Docker refused the call."""


class ContainerGone(HostRefused):
    """the container does not exist."""


class ContainerNameInUse(HostRefused):
    """the container name is in use."""


class ContainerRuns(HostRefused):
    """the container runs."""


class TooManyReaders(ServiceUnavailable):
    """too many outputs of engines are being read."""


class ContainerHost(Protocol):
    """A Docker host with engine containers.

    Every call has a deadline and raises DockerUnavailable when Docker cannot be reached or did not
    answer in time: the effect may then have happened, or may happen later. Any other refusal raises
    HostRefused or one of its subclasses, with Docker's message; even then the effect may have
    happened, so observe before deciding.

    `container` is an id or a name; a name means whichever container has it at that moment.

    A Swarm shows less of its engines: no lack of memory, no restarts, no health check, no bytes
    written, no labels of the image, and how a stopped engine ended only if somebody has looked in
    time. It finds a missing network when it creates, and a missing state directory when it starts.
    """

    async def ping(self) -> None:
        """Raise DockerUnavailable when Docker does not answer."""

    async def network_exists(self) -> bool:
        """Return whether the configured network exists."""

    async def networks(self) -> Sequence[ContainerNetwork]:
        """Return all networks, with one call; several may have the same name."""

    async def attached(self, network: NetworkId) -> Mapping[ContainerId, frozenset[str]]:
        """Return the addresses of all containers on the network, ours or not, with one call.

        A container is shown from before its process starts until it has ended. Nobody is on a
        network that does not exist.
        """

    async def list_containers(self) -> Sequence[EngineContainer]:
        """Return all containers with the labels of any Runtime Manager, in any state.

        One call. The states may lag behind those that `inspect` returns.
        """

    async def containers_of(self, game_id: str) -> Sequence[EngineContainer]:
        """Return those of `list_containers` that belong to the game, with one call."""

    async def containers_with(self, ids: Collection[ContainerId]) -> Sequence[EngineContainer]:
        """Return those of these containers that exist, ours or not, with one call."""

    async def named(self, name: str) -> ContainerDetails | None:
        """Return the container with exactly this name, ours or not; None when there is none."""

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        """Return one container's details; None when it does not exist."""

    async def logs(self, container_id: ContainerId, *, lines: int) -> tuple[str, ...]:
        """Return the container's last output lines, bounded; empty when it is gone.

        A Swarm has those since the last start, and none of an engine that was stopped.

        Raises HostSilent after a few seconds: whatever ends the operation waits for them.
        """

    def output(
        self, container_id: ContainerId, wanted: OutputRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[OutputBatch]]:
        """Read the container's output for the block, oldest line first.

        The iterator ends with the output, or when a followed container has ended; leaving the block
        ends it at once. It reads little ahead of its caller, and delays no other call. Entering
        raises ContainerGone, and TooManyReaders while too many blocks are open; iterating raises
        DockerUnavailable when the connection is lost.
        """

    async def disk_use(self, container_id: ContainerId) -> int | None:
        """Return the bytes that the container has written to its own files; 0 when it is gone.

        None when the platform does not show it.

        Docker counts every file, which may take long: raises DockerUnavailable after the deadline,
        without delaying other calls.
        """

    async def image(self, reference: ImageRef | ImageId) -> EngineImage | None:
        """Return the host's image with this reference or id; None when it is not there."""

    async def pull(self, reference: ImageRef, *, progress: Callable[[str], None]) -> EngineImage:
        """Pull the image and return it; concurrent pulls of one reference share one.

        Blocks as long as the pull makes progress, up to a total limit. `progress` is called from
        time to time with a short line. Raises ImagePullFailed when the registry or the pull stream
        reports an error, with the kind of fault as message and what was answered as detail; when
        there was no progress within the stall limit, when too many pulls from the same registry
        were under way for that long, or when the total limit has passed.
        """

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the numeric user and group that the image's engine runs as.

        Names are looked up in the image's /etc/passwd and /etc/group. Raises StartConfigInvalid
        when they lack the name that the image specifies, when they are too large or cannot be
        read, and for numbers that are no ids.
        """

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Create a container, hardened as the README lists, without starting it.

        The disk limit is left out, with a warning in the log, if Docker cannot enforce it.
        Raises ContainerNameInUse when the name is taken, StartConfigInvalid when Docker does not
        accept the configuration (limits, mounts, image).
        """

    @property
    def starts_wait(self) -> bool:
        """Return whether a start would have to wait for its turn."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for a slot among the few concurrent starts, and hold it for the block.

        Starts are CPU-bound on the host, so they are queued here, first come, first served. Raises
        DockerUnavailable when Docker became unreachable while waiting.
        """

    async def start(self, container: str) -> None:
        """Start the container; no-op when it runs, joins a start in progress. Within `turn`.

        Raises ContainerStartFailed when Docker could not start it, ContainerGone.
        """

    async def stop(self, container: str, *, grace: int) -> None:
        """Stop the container, killing it after `grace` seconds; no-op when it is not running.

        Blocks until it has stopped. Raises ContainerGone. In a Swarm the grace period is the one of
        the settings when the container was created.
        """

    async def rename(self, container: str, name: str) -> None:
        """Rename the container. Raises ContainerGone, ContainerNameInUse."""

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container, which must not run, and wait (bounded) until it is gone.

        No-op when it does not exist; waits for a removal already in progress. Never by force:
        raises ContainerRuns when the container runs, and leaves it running.
        """
