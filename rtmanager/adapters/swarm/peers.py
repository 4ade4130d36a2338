"""Who is on which network of a Swarm: engines, other services, and plain containers."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rtmanager.adapters.docker import network_json
from rtmanager.adapters.swarm.api import SwarmApi
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.container import ContainerId, ContainerStatus, EngineContainer, ImageId
from rtmanager.domain.container_network import ContainerNetwork, NetworkId
from rtmanager.domain.ports.container_host import HostRefused

_SWARM = "swarm"
_CONTAINER_ID_LENGTH = 64


class Peers:
    """Reads networks, and the addresses of all tasks on them, wherever they run."""

    def __init__(self, api: SwarmApi) -> None:
        self._api = api

    async def networks(self) -> Sequence[ContainerNetwork]:
        """Return all networks that the manager knows, local ones of its node included."""
        return [_network(each) for each in await self._api.networks()]

    async def attached(self, network: NetworkId) -> Mapping[ContainerId, frozenset[str]]:
        """Return the addresses on the network by the ids of services and plain containers.

        Of a network that is not the Swarm's, only the manager's own part can be seen.
        """
        try:
            answer = await self._api.network(network)
        except HostRefused:
            return {}
        services, others = await asyncio.gather(
            self._api.tasks(), self._api.tasks(runtime=["attachment"])
        )
        tasks = [task for each in (*services, *others) if not (task := Task.read(each)).has_ended]
        if answer.get("Scope") == _SWARM:
            return _by_holder(tasks, answer["Name"])
        return _local(answer, tasks)

    async def plain_containers(self, ids: Collection[ContainerId]) -> Sequence[EngineContainer]:
        """Return those of these containers that are on a network and no task of a service.

        Nobody but their own nodes knows more of them, their labels neither.
        """
        if not any(len(each) == _CONTAINER_ID_LENGTH for each in ids):
            return ()
        tasks = map(Task.read, await self._api.tasks(runtime=["attachment"]))
        return [
            _plain(each)
            for each in tasks
            if each.container in ids and not each.service and not each.has_ended
        ]


def _network(answer: Mapping[str, Any]) -> ContainerNetwork:
    """Read a network; through the ingress network others connect, by addresses of the nodes."""
    is_of_swarm = answer.get("Scope") == _SWARM and not answer.get("Ingress")
    found = network_json.network(answer)
    return replace(found, is_private=found.is_private or is_of_swarm)


def _by_holder(tasks: Sequence[Task], network: str) -> Mapping[ContainerId, frozenset[str]]:
    found: dict[ContainerId, frozenset[str]] = {}
    for task in tasks:
        if addresses := task.addresses.get(network):
            holder = _holder(task)
            found[holder] = found.get(holder, frozenset()) | set(addresses)
    return found


def _local(
    answer: Mapping[str, Any], tasks: Sequence[Task]
) -> Mapping[ContainerId, frozenset[str]]:
    holders = {task.container: _holder(task) for task in tasks if task.container is not None}
    shown = network_json.attached(answer)
    return {holders.get(each, each): addresses for each, addresses in shown.items()}


def _holder(task: Task) -> ContainerId:
    return ContainerId(task.service or task.container or task.id)


def _plain(task: Task) -> EngineContainer:
    network, addresses = next(iter(task.addresses.items()), ("", ()))
    return EngineContainer(
        id=_holder(task),
        name="",
        status=ContainerStatus.RUNNING,
        labels={},
        image_id=ImageId(""),
        created_at=task.created_at,
        network=network,
        address=next(iter(addresses), None),
    )
