"""An in-memory Swarm as one client of its managers sees it."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rtmanager.adapters.in_memory.docker_effects import NORMAL, Act, Fate, Reply
from rtmanager.adapters.in_memory.docker_networks import AddressSpace
from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.in_memory.swarm_outdated import Known
from rtmanager.adapters.in_memory.swarm_services import MemoryService
from rtmanager.adapters.in_memory.swarm_tasks import MemoryTask
from rtmanager.adapters.in_memory.swarm_values import Spec, check_spec, matches, new_id, rendered
from rtmanager.adapters.in_memory.swarm_world import InMemorySwarm
from rtmanager.adapters.swarm.api import Json, NameInUse, OutOfSequence, ServiceGone, SpecRefused
from rtmanager.domain.ports.container_host import DockerUnavailable, HostRefused

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class InMemorySwarmApi:
    """One client's requests to an InMemorySwarm, which others may share.

    A change is one uninterruptible step; it happens even if the caller has left, and is judged by
    the version when it happens. Clients of the same name ask the same manager.
    """

    swarm: InMemorySwarm = field(default_factory=InMemorySwarm)
    client: str = ""

    async def ping(self) -> None:
        """Raise DockerUnavailable unless a manager answers that knows a leader."""
        self._reach()

    async def info(self) -> Json:
        """Return what a manager says of itself."""
        swarm = self._reach()
        managers = [each for each in swarm.nodes.values() if each.is_manager and each.is_heard]
        answering = next(iter(managers or swarm.nodes.values()), None)
        return {
            "ID": answering.id if answering else "",
            "Name": answering.name if answering else "",
            "SystemTime": rendered(swarm.moment.wall),
            "ServerVersion": "20.10.24",
            "NCPU": int(answering.cpus) if answering else 0,
            "MemTotal": answering.memory if answering else 0,
            "Swarm": {
                "NodeID": answering.id if answering else "",
                "LocalNodeState": "active",
                "ControlAvailable": True,
                "Nodes": len(swarm.nodes),
                "Managers": len(managers),
            },
        }

    async def networks(self, *, name: str | None = None) -> Sequence[Json]:
        """Return the networks, or those whose name contains this."""
        swarm = self._reach()
        return [
            _network(each, key, swarm.addresses)
            for each, key in sorted(swarm.networks.items())
            if name is None or name in each
        ]

    async def network(self, network_id: str) -> Json:
        """Return one network; the containers that are shown are those of the manager itself."""
        for each in await self.networks():
            if network_id in {each["Id"], each["Name"]}:
                return {**each, "Containers": {}}
        raise HostRefused(f"network {network_id} not found")

    async def services(self, **filters: Sequence[str]) -> Sequence[Json]:
        """Return the services that match."""
        found: Iterable[MemoryService] = self._known().services.values()
        if ids := filters.get("id"):
            found = [each for each in found if each.id.startswith(tuple(ids))]
        if names := filters.get("name"):
            found = [each for each in found if each.name.startswith(tuple(names))]
        wanted = filters.get("label", ())
        return [each.shown() for each in found if matches(each.labels, wanted)]

    async def service(self, service_id: str) -> Json:
        """Return one service."""
        return self._service(service_id).shown()

    async def create_service(self, spec: Json, *, credentials: str | None = None) -> str:
        """Create a service."""
        del credentials
        wanted = deepcopy(dict(spec))
        return await self._change("create_service", spec["Name"], lambda _: self._create(wanted))

    async def update_service(
        self, service_id: str, version: int, spec: Json, *, credentials: str | None = None
    ) -> None:
        """Replace the specification if the version is still this one."""
        del credentials
        wanted = deepcopy(dict(spec))
        await self._change(
            "update_service", service_id, lambda _: self._update(service_id, version, wanted)
        )

    async def remove_service(self, service_id: str) -> None:
        """Remove the service and end its tasks."""
        await self._change("remove_service", service_id, lambda _: self._remove(service_id))

    async def tasks(self, **filters: Sequence[str]) -> Sequence[Json]:
        """Return the tasks that match; a filter that names no service or node is refused.

        Nobody attaches plain containers here.
        """
        if "attachment" in filters.get("runtime", ()):
            return []
        found: Iterable[MemoryTask] = self._known().tasks.values()
        if names := filters.get("service"):
            ids = {self._service(each).id for each in names}
            found = [each for each in found if each.service_id in ids]
        if names := filters.get("node"):
            nodes = {self._node(each).id for each in names}
            found = [each for each in found if each.node is not None and each.node.id in nodes]
        if states := filters.get("desired_state"):
            found = [each for each in found if each.desired in states]
        wanted = filters.get("label", ())
        return [each.shown() for each in found if matches(each.labels, wanted)]

    async def nodes(self) -> Sequence[Json]:
        """Return all nodes."""
        return [each.shown() for each in self._known().nodes.values()]

    async def node(self, node_id: str) -> Json:
        """Return one node."""
        return self._node(node_id).shown()

    async def update_node(self, node_id: str, version: int, spec: Json) -> None:
        """Replace the node's specification if the version is still this one."""
        wanted = deepcopy(dict(spec))
        await self._change(
            "update_node", node_id, lambda _: self._update_node(node_id, version, wanted)
        )

    def _reach(self) -> InMemorySwarm:
        self.swarm.demand_managers()
        return self.swarm

    def _known(self) -> Known:
        return self.swarm.known_to(self.client)

    async def _change(self, request: str, target: str, act: Act[T]) -> T:
        """Let the leader act according to the request's fate, and return its answer."""
        swarm = self._reach()
        swarm.note_change(self.client)
        fate = swarm.fate_of(request, target) if swarm.fate_of else NORMAL
        if not fate.happens:
            _check_reply(request, fate)
        effect = swarm.after(fate.delay, act)
        swarm.catch_up()
        if fate.is_heard:
            while not effect.is_done:
                await swarm.clock.sleep(effect.due - swarm.clock.monotonic())
                swarm.catch_up()
        _check_reply(request, fate)
        return effect.result

    def _service(self, name_or_id: str) -> MemoryService:
        services = self._known().services
        named = (each for each in services.values() if each.name == name_or_id)
        found = services.get(name_or_id) or next(named, None)
        if found is None:
            raise ServiceGone(f"service {name_or_id} not found")
        return found

    def _named(self, name: str) -> MemoryService | None:
        every = self.swarm.services.values()
        return next((each for each in every if each.name == name), None)

    def _node(self, name_or_id: str) -> MemoryNode:
        nodes = self._known().nodes
        named = (each for each in nodes.values() if each.name == name_or_id)
        found = nodes.get(name_or_id) or next(named, None)
        if found is None:
            raise HostRefused(f"node {name_or_id} not found")
        return found

    def _create(self, spec: Spec) -> str:
        swarm = self.swarm
        check_spec(spec)
        self._resolve_networks(spec)
        if self._named(spec["Name"]):
            raise NameInUse(
                "rpc error: code = AlreadyExists desc = name conflicts with an existing object: "
                f"service {spec['Name']} already exists"
            )
        at = swarm.moment.wall
        service = MemoryService(
            id=new_id("service", swarm.next_number()),
            spec=spec,
            version=swarm.next_index(),
            created_at=at,
            updated_at=at,
        )
        swarm.services[service.id] = service
        swarm.managers.changed(service)
        return service.id

    def _update(self, service_id: str, version: int, spec: Spec) -> None:
        swarm = self.swarm
        service = swarm.services.get(service_id) or self._named(service_id)
        if service is None:
            raise ServiceGone(f"service {service_id} not found")
        check_spec(spec)
        self._resolve_networks(spec)
        if spec["Name"] != service.name:
            raise SpecRefused(
                "rpc error: code = Unimplemented desc = renaming services is not supported"
            )
        _check_version(service.version, version)
        service.spec, service.version = spec, swarm.next_index()
        service.updated_at = swarm.moment.wall
        swarm.managers.changed(service)

    def _remove(self, service_id: str) -> None:
        service = self.swarm.services.get(service_id) or self._named(service_id)
        if service is None:
            raise ServiceGone(f"service {service_id} not found")
        del self.swarm.services[service.id]
        self.swarm.managers.removed(service)

    def _update_node(self, node_id: str, version: int, spec: Spec) -> None:
        node = self.swarm.nodes.get(node_id)
        if node is None:
            raise HostRefused(f"node {node_id} not found")
        _check_version(node.version, version)
        node.adopt(spec)
        self.swarm.managers.updated(node)

    def _resolve_networks(self, spec: Any) -> None:
        """Write the ids of the networks in the place of their names, as Docker does."""
        known = self.swarm.networks
        for each in spec["TaskTemplate"].get("Networks") or ():
            target = each["Target"]
            if target not in known and target not in known.values():
                raise SpecRefused(f"network {target} not found")
            each["Target"] = known.get(target, target)


def _network(name: str, network_id: str, addresses: AddressSpace) -> Json:
    view = addresses.view(name)
    blocks = [
        {"Subnet": subnet, "Gateway": gateway}
        for subnet, gateway in zip(view.subnets, view.gateways, strict=True)
    ]
    return {
        "Id": network_id,
        "Name": name,
        "Driver": "overlay",
        "Scope": "swarm",
        "Attachable": True,
        "Ingress": False,
        "IPAM": {"Driver": "default", "Config": blocks},
    }


def _check_version(current: int, sent: int) -> None:
    if current != sent:
        raise OutOfSequence("rpc error: code = Unknown desc = update out of sequence")


def _check_reply(request: str, fate: Fate) -> None:
    """Raise if the caller does not get the answer: it was lost, or is a refusal."""
    if fate.reply is Reply.NOTHING:
        raise DockerUnavailable(f"the answer to a {request} was lost")
    if fate.reply is Reply.REFUSAL:
        raise HostRefused(f"Docker refused the {request}: server error")
