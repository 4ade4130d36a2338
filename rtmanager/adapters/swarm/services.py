"""Finding services, and changing them by the version that was read."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence

from rtmanager.adapters.swarm import labels, node_json
from rtmanager.adapters.swarm.api import Json, OutOfSequence, ServiceGone, SwarmApi
from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.service_names import game_prefix, is_service_id, prefixes_for
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.concurrency import in_slices
from rtmanager.domain.node import Node, NodeId
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import (
    ContainerGone,
    DockerUnavailable,
    HostRefused,
)

Decide = Callable[[ServiceView], Json | None]
"""Returns the specification that is to be, None to leave the service as it is; may raise."""
_FEW = 4
"""Nodes that are read one by one; more are read with all others."""
_PAUSE = 0.05


class Services:
    """The services of a Swarm with their tasks and nodes."""

    def __init__(self, api: SwarmApi, clock: Clock, network: str, timeout: float) -> None:
        self._api = api
        self._clock = clock
        self._network = network
        self._timeout = timeout

    async def view(self, service_id: str) -> ServiceView | None:
        """Return the service with this id; None when there is none."""
        try:
            service = await self._api.service(service_id)
        except ServiceGone:
            return None
        try:
            tasks = await self._api.tasks(service=[service_id])
        except ServiceGone:
            return None
        nodes = await self._nodes_of([service], tasks)
        return self._joined([service], map(Task.read, tasks), nodes)[0]

    async def of_game(self, game_id: str, *wanted: str) -> Sequence[ServiceView]:
        """Return the game's services with these labels."""
        named, until = [game_prefix(game_id)], self._clock.monotonic() + self._timeout
        while services := await self._api.services(name=named, label=wanted):
            try:
                tasks = await self._api.tasks(service=[each["ID"] for each in services])
            except ServiceGone as error:  # since it was listed
                if self._clock.monotonic() > until:
                    raise DockerUnavailable(f"the services of game {game_id} change") from error
                continue
            nodes = await self._nodes_of(services, tasks)
            return self._joined(services, map(Task.read, tasks), nodes)
        return ()

    async def everything(self, *wanted: str) -> Sequence[ServiceView]:
        """Return the services with these labels, with one list of all tasks and nodes."""
        services = await self._api.services(label=wanted)
        if not services:
            return ()
        tasks = await in_slices(await self._api.tasks(), Task.read)
        # Last: an end that a task shows must find the mark of the outage that it comes from.
        return self._joined(services, tasks, await self._api.nodes())

    async def with_ids(self, ids: Collection[str]) -> Sequence[ServiceView]:
        """Return those of these services that exist."""
        found = await self._api.services(id=sorted(ids))
        views = [await self.view(each["ID"]) for each in found if each["ID"] in ids]
        return [each for each in views if each is not None]

    async def named(self, name: str) -> Sequence[ServiceView]:
        """Return the containers with exactly this name, ours or not; best first.

        Swarm does not keep our names unique. One that may run comes first, then the newest: whoever
        created another with an older fence did so too late.
        """
        found = {each["ID"]: each for each in await self._perhaps_named(name)}
        views = [await self.view(each) for each in sorted(found)]
        exact = (each for each in views if each is not None and each.name == name)
        return sorted(exact, key=precedence, reverse=True)

    async def _perhaps_named(self, name: str) -> Sequence[Json]:
        """Return the services among which those with this name are."""
        if prefixes := prefixes_for(name):
            return await self._api.services(name=[*prefixes, name])
        ours, theirs = await asyncio.gather(
            self._api.services(label=[f"{labels.NAME}={name}"]), self._api.services(name=[name])
        )
        return [*ours, *theirs]

    async def find(self, container: str) -> ServiceView:
        """Return the container with this id or name. Raises ContainerGone."""
        if is_service_id(container):
            found = await self.view(container)
        else:
            found = next(iter(await self.named(container)), None)
        if found is None:
            raise ContainerGone(f"No such container: {container}")
        return found

    async def change(
        self, container: str, decide: Decide, *, credentials: str | None = None
    ) -> ServiceView:
        """Read the container, decide, and write by the version that was read.

        Again, from the reading on, whenever somebody else was faster. Returns what was decided on.
        Raises ContainerGone, what `decide` raises, and DockerUnavailable after the deadline.
        """
        until = self._clock.monotonic() + self._timeout
        while True:
            view = await self.find(container)
            spec = decide(view)
            if spec is None or await self._write(view, spec, credentials):
                return view
            if self._clock.monotonic() > until:
                raise DockerUnavailable(
                    f"container {container} was changed by others for {self._timeout:g} s"
                )
            await self._clock.sleep(_PAUSE)

    async def _write(self, view: ServiceView, spec: Json, credentials: str | None) -> bool:
        """Write the specification; return False when the service has changed meanwhile."""
        try:
            await self._api.update_service(view.id, view.version, spec, credentials=credentials)
        except OutOfSequence:
            return False
        except ServiceGone as error:
            raise ContainerGone(f"No such container: {view.id}") from error
        return True

    async def tasks(self, service_id: str) -> Sequence[Task]:
        """Return the service's tasks; none when it is gone."""
        try:
            return [Task.read(each) for each in await self._api.tasks(service=[service_id])]
        except ServiceGone:
            return ()

    async def node_name(self, node_id: NodeId) -> str:
        """Return what operators call the node; its id when it has left the Swarm."""
        found = await self._node(node_id)
        return node_json.node(found).name if found else node_id

    async def _nodes_of(self, services: Iterable[Json], tasks: Iterable[Json]) -> Sequence[Json]:
        """Return the nodes that the tasks are on, or the services are being stopped on."""
        stopping = ((each["Spec"].get("Labels") or {}).get(labels.STOPPING) for each in services)
        wanted = {*(each.get("NodeID") for each in tasks), *stopping} - {None, ""}
        if len(wanted) > _FEW:
            return await self._api.nodes()
        found = await asyncio.gather(*(self._node(str(each)) for each in sorted(map(str, wanted))))
        return [each for each in found if each is not None]

    async def _node(self, node_id: str) -> Json | None:
        """Return the node; None when it has left the Swarm."""
        try:
            return await self._api.node(node_id)
        except HostRefused:
            return None

    def _joined(
        self, services: Iterable[Json], tasks: Iterable[Task], nodes: Iterable[Json]
    ) -> Sequence[ServiceView]:
        by_service: dict[str, list[Task]] = {}
        for each in tasks:
            by_service.setdefault(each.service, []).append(each)
        by_id: dict[NodeId, Node] = {one.id: one for one in map(node_json.node, nodes)}
        now = self._clock.now()
        return [
            ServiceView(each, by_service.get(each["ID"], []), by_id, self._network, now)
            for each in services
        ]


def precedence(view: ServiceView) -> tuple[bool, int, str, str]:
    """Return what is greatest of the container that has a name which several have."""
    found = view.container()
    return found.is_running, found.fence or 0, view.service["CreatedAt"], view.id


def refuse_out_of_reach(view: ServiceView) -> None:
    """Raise DockerUnavailable for a container of which nobody knows whether it runs."""
    found = view.container()
    if not found.is_out_of_reach or found.placement is None:
        return
    where, name = "down", found.placement.name
    remedy = f"say so with `rtmanager node lost {name}`"
    if found.placement.node not in view.nodes:
        where, remedy = (
            "no longer in the Swarm",
            f"remove the service with `docker service rm {view.id}`",
        )
    raise DockerUnavailable(
        f"node {name} is {where}, and the engine may still run there; if the node is surely off, "
        f"{remedy}"
    )
