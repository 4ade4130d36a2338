"""Docker, as far as the domain needs it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    EngineContainer,
    EngineImage,
)
from rtmanager.domain.errors import (
    ContainerStartFailed,
    DockerUnavailable,
    ImagePullFailed,
    RuntimeManagerError,
    StartConfigInvalid,
)

__all__ = [
    "ContainerEngine",
    "ContainerGone",
    "ContainerNameInUse",
    "ContainerStartFailed",
    "DockerUnavailable",
    "EngineRefused",
    "ImagePullFailed",
    "StartConfigInvalid",
]


class EngineRefused(RuntimeManagerError):
    """the Docker engine refused the call."""


class ContainerGone(EngineRefused):
    """the container does not exist."""


class ContainerNameInUse(EngineRefused):
    """the container name is in use."""


class ContainerEngine(Protocol):
    """A container engine on one host.

    Every call has a deadline and raises DockerUnavailable when the engine cannot be reached or did
    not answer in time: the effect may then have happened. Any other refusal raises EngineRefused or
    one of its subclasses, with the engine's own words; even then the effect may have happened, so
    look before deciding. "Ours" means: our owner and kind labels, on the configured network (the
    network that the container was created for, by name).
    """

    async def ping(self) -> None:
        """Raise DockerUnavailable when the engine does not answer."""

    async def network_exists(self) -> bool:
        """Tell whether the configured network exists."""

    async def list_containers(self) -> Sequence[EngineContainer]:
        """Return all containers of ours in any state, with one call."""

    async def containers_of(self, game_id: str) -> Sequence[EngineContainer]:
        """Return all containers of ours that belong to one game, in any state, with one call."""

    async def named(self, name: str) -> EngineContainer | None:
        """Return the container with exactly this name, anybody's; None when there is none."""

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        """Return one container's details; None when it does not exist."""

    async def logs(self, container_id: ContainerId, *, lines: int) -> tuple[str, ...]:
        """Return the container's last output lines, bounded; empty when it is gone."""

    async def image(self, reference: str) -> EngineImage | None:
        """Return the image with this reference or id from the host; None when it is not there."""

    async def pull(self, reference: str, *, progress: Callable[[str], None]) -> EngineImage:
        """Pull the image and return it; concurrent pulls of one reference share one.

        Blocks as long as the pull makes progress. `progress` is told now and then, in one short
        line. Raises ImagePullFailed when the registry or the pull stream says so or nothing moved
        within the stall limit.
        """

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the numeric user and group that the image's engine runs as.

        Names are looked up in the image's own /etc/passwd and /etc/group. Raises
        StartConfigInvalid when the image names a user that it does not have.
        """

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Create a container, hardened as DESIGN section 8 says, without starting it.

        Raises ContainerNameInUse when the name is taken, StartConfigInvalid when the engine does
        not accept the configuration (limits, mounts, image).
        """

    async def start(self, container: str) -> None:
        """Start the container; no-op when it runs. Queued: only a few start at once.

        `container` is its id or its name; a name means whichever container has it at that moment.

        Raises ContainerStartFailed when the engine could not start it, ContainerGone.
        """

    async def stop(self, container_id: ContainerId, *, grace: int) -> None:
        """Stop the container, killing it after `grace` seconds; no-op when it is not running.

        Raises ContainerGone.
        """

    async def rename(self, container: str, name: str) -> None:
        """Rename the container, given by id or name as in `start`.

        Raises ContainerGone, ContainerNameInUse.
        """

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container, running or not, and wait (bounded) until it is really gone.

        No-op when it does not exist; a removal already in progress is waited for.
        """
