"""The container engine port on a real Docker engine."""

import asyncio
from collections.abc import Callable, Sequence

from rtmanager.adapters.docker import container_views, errors
from rtmanager.adapters.docker.client import DockerClient, Lane
from rtmanager.adapters.docker.container_config import create_arguments
from rtmanager.adapters.docker.container_logs import read_tail
from rtmanager.adapters.docker.credentials import RegistryCredentials
from rtmanager.adapters.docker.image_owner import ImageOwners
from rtmanager.adapters.docker.image_pulls import ImagePulls, lookup_name
from rtmanager.adapters.docker.start_queue import StartQueue
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    KIND,
    KIND_LABEL,
    OWNER,
    OWNER_LABEL,
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    EngineContainer,
    EngineImage,
)
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_engine import ContainerGone, DockerUnavailable

_OURS = (f"{OWNER_LABEL}={OWNER}", f"{KIND_LABEL}={KIND}")
_REMOVAL_POLL_SECONDS = 0.1


class DockerContainerEngine:
    """Engine containers on one Docker host and one network.

    Connects at the first call; `aclose()` ends it.
    """

    def __init__(
        self,
        client: DockerClient,
        *,
        network: str,
        start_concurrency: int,
        docker_config_file: str | None = None,
    ) -> None:
        self._client = client
        self._network = network
        self._starts = StartQueue(start_concurrency, self.ping)
        self._pulls = ImagePulls(client, RegistryCredentials(docker_config_file))
        self._owners = ImageOwners(client)

    async def aclose(self) -> None:
        """Close the connections to the engine."""
        await self._client.aclose()

    async def ping(self) -> None:
        """Raise DockerUnavailable when the engine does not answer."""
        await self._client.call(lambda api: api.ping())

    async def network_exists(self) -> bool:
        """Tell whether the configured network exists; the engine's filter takes parts of names."""
        found = await self._client.call(lambda api: api.networks(names=[self._network]))
        return any(network["Name"] == self._network for network in found)

    async def list_containers(self) -> Sequence[EngineContainer]:
        """Return all containers of ours in any state."""
        return await self._list(_OURS)

    async def containers_of(self, game_id: str) -> Sequence[EngineContainer]:
        """Return all containers of ours that belong to one game."""
        return await self._list((*_OURS, f"{GAME_ID_LABEL}={game_id}"))

    async def named(self, name: str) -> EngineContainer | None:
        """Return the container with exactly this name; the engine would take part of an id too."""
        try:
            answer = await self._client.call(lambda api: api.inspect_container(name))
        except ContainerGone:
            return None
        container = container_views.named(answer, self._network)
        return container if container.name == name else None

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        """Return one container's details."""
        try:
            answer = await self._client.call(lambda api: api.inspect_container(container_id))
        except ContainerGone:
            return None
        return container_views.inspected(answer, self._network)

    async def logs(self, container_id: ContainerId, *, lines: int) -> tuple[str, ...]:
        """Return the container's last output lines, 16 KiB at most."""
        try:
            return await self._client.call(lambda api: read_tail(api, container_id, lines))
        except ContainerGone:
            return ()

    async def image(self, reference: str) -> EngineImage | None:
        """Return the image with this reference or id from the host."""
        is_id = reference.startswith("sha256:")
        name = reference if is_id else lookup_name(ImageRef.parse(reference))
        try:
            answer = await self._client.call(lambda api: api.inspect_image(name))
        except errors.ImageGone:
            return None
        return container_views.image(answer)

    async def pull(self, reference: str, *, progress: Callable[[str], None]) -> EngineImage:
        """Pull the image and return it."""
        return await self._pulls.pull(reference, progress)

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the numeric user and group that the image's engine runs as."""
        return await self._owners.owner(image)

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Create a container, hardened, without starting it."""
        answer = await self._client.call(
            lambda api: api.create_container(**create_arguments(api, spec)),
            lane=Lane.CHANGE,
            refused=errors.create_refused,
        )
        return ContainerId(answer["Id"])

    async def start(self, container: str) -> None:
        """Start the container when it is its turn."""
        await self._starts.run(
            lambda: self._client.call(
                lambda api: api.start(container), lane=Lane.START, refused=errors.start_refused
            )
        )

    async def stop(self, container_id: ContainerId, *, grace: int) -> None:
        """Stop the container, killing it after `grace` seconds."""
        await self._client.call(
            lambda api: api.stop(container_id, timeout=grace),
            lane=Lane.STOP,
            deadline=grace + self._client.timeout,
        )

    async def rename(self, container: str, name: str) -> None:
        """Rename the container."""
        await self._client.call(lambda api: api.rename(container, name), lane=Lane.CHANGE)

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container and wait until it is gone, as long as one call may last."""
        try:
            await self._client.call(
                lambda api: api.remove_container(container_id, force=True, v=True),
                lane=Lane.CHANGE,
            )
        except ContainerGone:
            return
        except errors.RemovalInProgress:
            pass  # someone else removes it
        try:
            async with asyncio.timeout(self._client.timeout):
                while await self.inspect(container_id) is not None:  # noqa: ASYNC110 - Docker's business, not ours
                    await asyncio.sleep(_REMOVAL_POLL_SECONDS)
        except TimeoutError as error:
            raise DockerUnavailable(
                f"container {container_id[:12]} is still being removed after "
                f"{self._client.timeout:g} s"
            ) from error

    async def _list(self, labels: Sequence[str]) -> Sequence[EngineContainer]:
        """List by labels, in one call that inspects nothing."""
        found = await self._client.call(
            lambda api: api.containers(all=True, filters={"label": list(labels)})
        )
        return [
            container_views.listed(entry, self._network)
            for entry in found
            if container_views.network_of(entry) == self._network
        ]
