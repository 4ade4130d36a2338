"""The container host port on a Docker Swarm."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from rtmanager.adapters.docker.start_queue import StartQueue
from rtmanager.adapters.swarm import labels
from rtmanager.adapters.swarm.api import Json, ServiceGone, SwarmApi
from rtmanager.adapters.swarm.creations import Creations
from rtmanager.adapters.swarm.endings import Endings
from rtmanager.adapters.swarm.images import Images
from rtmanager.adapters.swarm.outputs import Outputs
from rtmanager.adapters.swarm.peers import Peers
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.adapters.swarm.service_changes import scaled, with_labels
from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.services import Services
from rtmanager.adapters.swarm.starts import Starts
from rtmanager.adapters.swarm.stops import Stops
from rtmanager.domain.concurrency import Renewal, in_slices
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    KIND,
    KIND_LABEL,
    OWNER,
    OWNER_LABEL,
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    ContainerStatus,
    EngineContainer,
    EngineImage,
    ImageId,
)
from rtmanager.domain.container_network import ContainerNetwork, NetworkId
from rtmanager.domain.container_output import OutputBatch, OutputRequest
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerNameInUse

_LABELLED = (f"{OWNER_LABEL}={OWNER}", f"{KIND_LABEL}={KIND}")


class SwarmContainerHost:
    """Engine containers as services of a Swarm, each with at most one task.

    Every change sends the version of the service that it was decided by, so a call that arrives
    late changes nothing that somebody else has changed meanwhile. Waits only by the clock.
    """

    def __init__(
        self,
        api: SwarmApi,
        images: Images,
        outputs: Outputs,
        clock: Clock,
        policy: SwarmPolicy,
    ) -> None:
        self._api = api
        self._images = images
        self._outputs = outputs
        self._network = policy.network
        self._peers = Peers(api)
        self._queue = StartQueue(policy.start_concurrency, self.ping)
        self._services = Services(api, clock, policy.network, policy.timeout)
        self._creations = Creations(api, self._services, images, policy)
        self._endings = Endings(api, self._services, clock)
        self._starts = Starts(self._services, self._endings, clock, policy)
        self._stops = Stops(api, self._services, self._endings, policy)
        self._lists = Renewal(self._list)

    async def aclose(self) -> None:
        """End what is being read."""
        await self._lists.close()
        await self._endings.close()

    async def ping(self) -> None:
        """Raise DockerUnavailable when no manager answers that knows a leader."""
        await self._api.ping()

    async def network_exists(self) -> bool:
        """Return whether the configured network exists."""
        found = await self._api.networks(name=self._network)
        return any(each["Name"] == self._network for each in found)

    async def networks(self) -> Sequence[ContainerNetwork]:
        """Return all networks that the manager knows."""
        return await self._peers.networks()

    async def attached(self, network: NetworkId) -> Mapping[ContainerId, frozenset[str]]:
        """Return the addresses of all containers on the network, engines by their services' ids."""
        return await self._peers.attached(network)

    async def list_containers(self) -> Sequence[EngineContainer]:
        """Return all containers with the labels of any Runtime Manager, in any state.

        Whoever asks while Swarm is being asked gets the next list, with everyone else who does.
        """
        return await asyncio.shield(self._lists.begun_from_now())

    async def containers_of(self, game_id: str) -> Sequence[EngineContainer]:
        """Return those of `list_containers` that belong to one game."""
        wanted = (*_LABELLED, f"{GAME_ID_LABEL}={game_id}")
        return _shown(await self._services.of_game(game_id, *wanted))

    async def containers_with(self, ids: Collection[ContainerId]) -> Sequence[EngineContainer]:
        """Return those of these containers that exist; of plain ones no more than that."""
        if not ids:
            return ()
        services, others = await asyncio.gather(
            self._services.with_ids(ids), self._peers.plain_containers(ids)
        )
        return [*_shown(services), *others]

    async def named(self, name: str) -> ContainerDetails | None:
        """Return the container with exactly this name."""
        found = await self._services.named(name)
        return found[0].details() if found else None

    async def inspect(self, container_id: ContainerId) -> ContainerDetails | None:
        """Return one container's details."""
        found = await self._services.view(container_id)
        return None if found is None else found.details()

    async def logs(self, container_id: ContainerId, *, lines: int) -> tuple[str, ...]:
        """Return the last lines of the last start; none of an engine that was stopped."""
        return await self._outputs.tail(container_id, lines) if lines > 0 else ()

    def output(
        self, container_id: ContainerId, wanted: OutputRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[OutputBatch]]:
        """Read the container's output for the block."""
        return self._outputs.read(container_id, wanted)

    async def disk_use(self, container_id: ContainerId) -> int | None:
        """Return None: Swarm does not show it; 0 when the container is gone."""
        try:
            await self._api.service(container_id)
        except ServiceGone:
            return 0
        return None

    async def image(self, reference: ImageRef | ImageId) -> EngineImage | None:
        """Return the image that the manager has, or can pull by its digest."""
        return await self._images.image(reference)

    async def pull(self, reference: ImageRef, *, progress: Callable[[str], None]) -> EngineImage:
        """Pull the image on the manager and return it."""
        return await self._images.pull(reference, progress=progress)

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the numeric user and group that the image's engine runs as."""
        return await self._images.image_owner(image)

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Create a container, hardened, without starting it."""
        return await self._creations.create(spec)

    @property
    def starts_wait(self) -> bool:
        """Return whether a start would have to wait for its turn."""
        return self._queue.is_full

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for a slot among the few concurrent starts, and hold it for the block."""
        return self._queue.turn()

    async def start(self, container: str) -> None:
        """Start the container and wait until it runs."""
        await self._starts.start(container, self._images.credentials)

    async def stop(self, container: str, *, grace: int) -> None:  # noqa: ARG002 - set when created
        """Stop the container, with the grace period that it was created with."""
        await self._stops.stop(container)

    async def rename(self, container: str, name: str) -> None:
        """Rename the container."""
        renamed = await self._services.find(container)
        for holder in await self._services.named(name):
            if holder.id != renamed.id:
                raise ContainerNameInUse(
                    f"the name {name} is already in use by container {holder.id[:12]}"
                )
        await self._services.change(container, lambda view: _renamed(view, name))

    async def remove(self, container_id: ContainerId) -> None:
        """Remove the container, unless it runs."""
        await self._stops.remove(container_id)

    async def _list(self) -> Sequence[EngineContainer]:
        views = await self._services.everything(*_LABELLED)
        return await in_slices(views, ServiceView.container)


def _shown(views: Sequence[ServiceView]) -> Sequence[EngineContainer]:
    return [each.container() for each in views]


def _renamed(view: ServiceView, name: str) -> Json:
    """Return the specification with the name.

    A container that has ended by itself is scaled to none besides: Swarm would run it again if it
    forgot the task, whatever has taken its place.
    """
    if view.status is ContainerStatus.EXITED and view.is_wanted:
        return scaled(with_labels(view, {**view.end, labels.NAME: name}), 0)
    return with_labels(view, {labels.NAME: name})
