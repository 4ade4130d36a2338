"""The container host port on a real Docker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from rtmanager.adapters.docker import docker_json, errors, network_json
from rtmanager.adapters.docker.client import Bulkhead, DockerClient
from rtmanager.adapters.docker.container_list import listed_containers
from rtmanager.adapters.docker.container_logs import read_tail
from rtmanager.adapters.docker.container_output import OutputReaders
from rtmanager.adapters.docker.container_size import written_bytes
from rtmanager.adapters.docker.credentials import RegistryCredentials
from rtmanager.adapters.docker.disk_limit import DiskLimit
from rtmanager.adapters.docker.image_owner import ImageOwners
from rtmanager.adapters.docker.image_pulls import ImagePulls
from rtmanager.adapters.docker.start_queue import StartQueue
from rtmanager.domain.concurrency import Renewal
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
    ImageId,
)
from rtmanager.domain.container_network import ContainerNetwork, NetworkId
from rtmanager.domain.container_output import OutputBatch, OutputRequest
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import ContainerGone, DockerUnavailable

_LABELLED = (f"{OWNER_LABEL}={OWNER}", f"{KIND_LABEL}={KIND}")
_REMOVAL_POLL_SECONDS = 0.1
TAIL_SECONDS = 3.0
"""For how long the last lines of an engine are waited for: less than for what has an effect."""


class DockerContainerHost:
    """Engine containers on one Docker host and one network.

    Connects at the first call; `aclose()` disconnects.
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
        credentials = RegistryCredentials(docker_config_file, limit=client.timeout)
        self._pulls = ImagePulls(client, credentials)
        self._owners = ImageOwners(client)
        self._outputs = OutputReaders()
        self._disk_limit = DiskLimit(self._info)
        self._lists = Renewal(lambda: self._list(label=_LABELLED))

    async def aclose(self) -> None:
        """Close the connections to Docker."""
        await self._lists.close()
        await self._client.aclose()

    async def ping(self) -> None:
        """Raise DockerUnavailable when Docker does not answer."""
        await self._client.call(lambda api: api.ping())

    async def network_exists(self) -> bool:
        """Return whether the configured network exists."""
        # Docker's filter takes parts of names.
        found = await self._client.call(lambda api: api.networks(names=[self._network]))
        return any(network["Name"] == self._network for network in found)

    async def networks(self) -> Sequence[ContainerNetwork]:
        """Return all networks."""
        found = await self._client.call(lambda api: api.networks())
        return [network_json.network(each) for each in found]

    async def attached(self, network: NetworkId) -> Mapping[ContainerId, frozenset[str]]:
        """Return the addresses of all containers on the network; the list does not show them."""
        try:
            answer = await self._client.call(
                lambda api: api.inspect_network(network), refused=errors.network_refused
            )
        except errors.NetworkGone:
            return {}
        return network_json.attached(answer)

    async def runtimes(self) -> Sequence[str]:
        """Return the names of the runtimes that the daemon lists."""
        return sorted((await self._info()).get("Runtimes") or ())

    async def list_containers(self) -> Sequence[EngineContainer]:
        """Return all containers with the labels of any Runtime Manager, in any state.

        Whoever asks while Docker is being asked gets the next list, together with everyone else who
        does: several workers ask at the same time, and a long list takes time and memory.
        """
        return await asyncio.shield(self._lists.begun_from_now())

    async def containers_of(self, game_id: str) -> Sequence[EngineContainer]:
        """Return those of `list_containers` that belong to one game."""
        return await self._list(label=(*_LABELLED, f"{GAME_ID_LABEL}={game_id}"))

    async def containers_with(self, ids: Collection[ContainerId]) -> Sequence[EngineContainer]:
        """Return those of these containers that exist; an inspection waits for a start to end."""
        return await self._list(id=ids) if ids else ()

    async def named(self, name: str) -> ContainerDetails | None:
        """Return the container with exactly this name; Docker would also accept part of an id."""
        container = await self.inspect(ContainerId(name))
        return container if container is not None and container.name == name else None

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        """Return one container's details."""
        try:
            answer = await self._client.call(lambda api: api.inspect_container(container_id))
        except ContainerGone:
            return None
        return docker_json.inspected(answer, self._network)

    async def logs(self, container_id: ContainerId, *, lines: int) -> tuple[str, ...]:
        """Return the container's last output lines, 16 KiB at most."""
        try:
            return await self._client.call(
                lambda api: read_tail(api, f"containers/{container_id}", lines),
                deadline=min(TAIL_SECONDS, self._client.timeout),
            )
        except ContainerGone:
            return ()

    def output(
        self, container_id: ContainerId, wanted: OutputRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[OutputBatch]]:
        """Read the container's output for the block."""
        return self._outputs.read(self._client, f"containers/{container_id}", wanted)

    async def disk_use(self, container_id: ContainerId) -> int:
        """Return the size of the container's writable layer."""
        try:
            return await self._client.call(
                lambda api: written_bytes(api, container_id), bulkhead=Bulkhead.SIZE
            )
        except ContainerGone:
            return 0

    async def image(self, reference: ImageRef | ImageId) -> EngineImage | None:
        """Return the image with this reference or id from the host."""
        # Docker takes an incomplete name for the beginning of an image id if there is no such name.
        name = reference.normalized if isinstance(reference, ImageRef) else reference
        try:
            answer = await self._client.call(lambda api: api.inspect_image(name))
        except errors.ImageGone:
            return None
        return docker_json.image(answer)

    async def pull(self, reference: ImageRef, *, progress: Callable[[str], None]) -> EngineImage:
        """Pull the image and return it."""
        return await self._pulls.pull(reference, progress)

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the numeric user and group that the image's engine runs as."""
        return await self._owners.owner(image)

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Create a container, hardened, without starting it."""
        return await self._disk_limit.create(self._create, spec)

    @property
    def starts_wait(self) -> bool:
        """Return whether a start would have to wait for its turn."""
        return self._starts.is_full

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for a slot among the few concurrent starts, and hold it for the block."""
        return self._starts.turn()

    async def start(self, container: str) -> None:
        """Start the container."""
        await self._client.call(
            lambda api: api.start(container),
            bulkhead=Bulkhead.START,
            refused=errors.start_refused,
        )

    async def stop(self, container: str, *, grace: int) -> None:
        """Stop the container, killing it after `grace` seconds."""
        await self._client.call(
            lambda api: api.stop(container, timeout=grace),
            bulkhead=Bulkhead.STOP,
            deadline=grace + self._client.timeout,
        )

    async def rename(self, container: str, name: str) -> None:
        """Rename the container."""
        await self._client.call(lambda api: api.rename(container, name), bulkhead=Bulkhead.CHANGE)

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container, unless it runs, and wait until it is gone, up to a deadline."""
        try:
            await self._client.call(
                lambda api: api.remove_container(container_id, v=True),
                bulkhead=Bulkhead.CHANGE,
            )
        except ContainerGone:
            return
        except errors.RemovalInProgress:
            pass  # a removal is already in progress
        try:
            async with asyncio.timeout(self._client.timeout):
                while await self.inspect(container_id) is not None:  # noqa: ASYNC110 - Docker sends no signal
                    await asyncio.sleep(_REMOVAL_POLL_SECONDS)
        except TimeoutError as error:
            raise DockerUnavailable(
                f"container {container_id[:12]} is still being removed after "
                f"{self._client.timeout:g} s"
            ) from error

    async def _info(self) -> Mapping[str, Any]:
        return dict(await self._client.call(lambda api: api.info()))

    async def _create(self, spec: ContainerSpec) -> ContainerId:
        answer = await self._client.call(
            lambda api: api.create_container_from_config(
                docker_json.container_config(api, spec), spec.name
            ),
            bulkhead=Bulkhead.CHANGE,
            refused=errors.create_refused,
        )
        return ContainerId(answer["Id"])

    async def _list(self, **filters: Collection[str]) -> Sequence[EngineContainer]:
        """List containers in one call."""
        return await self._client.call(lambda api: listed_containers(api, self._network, filters))
