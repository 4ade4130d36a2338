"""Creating the service of a container."""

from collections.abc import Sequence

from rtmanager.adapters.swarm import node_json
from rtmanager.adapters.swarm.api import NameInUse, SpecRefused, SwarmApi
from rtmanager.adapters.swarm.images import Images
from rtmanager.adapters.swarm.policy import SwarmPolicy
from rtmanager.adapters.swarm.service_names import service_name
from rtmanager.adapters.swarm.service_spec import service_spec
from rtmanager.adapters.swarm.services import Services
from rtmanager.domain.container import LEAST_MEMORY, ContainerId, ContainerSpec
from rtmanager.domain.node import Node, NodeMark
from rtmanager.domain.ports.container_host import (
    ContainerNameInUse,
    HostRefused,
    StartConfigInvalid,
)

_ATTEMPTS = 8
"""Containers that one operation may create under one name, having put the others aside."""


class Creations:
    """Creates services, with no task yet."""

    def __init__(
        self, api: SwarmApi, services: Services, images: Images, policy: SwarmPolicy
    ) -> None:
        self._api = api
        self._services = services
        self._images = images
        self._policy = policy

    async def create(self, spec: ContainerSpec) -> ContainerId:
        """Create a container without starting it."""
        if await self._images.image(spec.image) is None:
            raise StartConfigInvalid(f"No such image: {spec.image}")
        nodes = [node_json.node(each) for each in await self._api.nodes()]
        _check_limits(spec, nodes)
        avoided = [each.id for each in nodes if each.marks.keys() & {NodeMark.DRAIN, NodeMark.OFF}]
        for attempt in range(_ATTEMPTS):
            created = await self._create(spec, attempt, avoided)
            if created is not None:
                return created
        raise HostRefused(f"{_ATTEMPTS} services of the name {spec.name} exist already")

    async def _create(
        self, spec: ContainerSpec, attempt: int, avoided: Sequence[str]
    ) -> ContainerId | None:
        """Create the service; return None when its Swarm name belongs to one that was renamed.

        The name is looked up before every attempt: whoever creates the same at the same time asks
        for the same Swarm name, and all but one find the container then.
        """
        if holders := await self._services.named(spec.name):
            raise ContainerNameInUse(
                f"the name {spec.name} is already in use by container {holders[0].id[:12]}"
            )
        name = service_name(spec, attempt)
        service = service_spec(spec, self._policy, name=name, without_nodes=avoided)
        credentials = await self._images.credentials(spec.image)
        try:
            return ContainerId(await self._api.create_service(service, credentials=credentials))
        except NameInUse:
            return None
        except SpecRefused as error:
            raise StartConfigInvalid(error.message) from error


def _check_limits(spec: ContainerSpec, nodes: Sequence[Node]) -> None:
    """Raise StartConfigInvalid for limits that no node could ever grant."""
    most = max((each.cpus for each in nodes), default=0.0)
    if spec.limits.cpu_quota > most:
        raise StartConfigInvalid(
            f"the engine may use {spec.limits.cpu_quota:g} CPUs, but no node has more than {most:g}"
        )
    if spec.limits.memory_bytes < LEAST_MEMORY:
        raise StartConfigInvalid(
            f"the engine may use {spec.limits.memory_bytes} bytes of memory; Docker needs at least "
            f"{LEAST_MEMORY}"
        )
