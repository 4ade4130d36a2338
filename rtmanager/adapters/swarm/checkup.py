"""What each manager says about itself, and what one says about its Swarm, for `doctor`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from rtmanager.adapters.docker.checkup import read_time
from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.swarm.node_json import mark_label
from rtmanager.domain.node import NodeMark


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerFacts:
    """One daemon: `swarm_state` is Docker's word, `active` for one that is part of a Swarm."""

    name: str
    version: str
    api_version: str
    storage_driver: str
    time: datetime | None
    swarm_state: str
    is_manager: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """A node; `reachability` is what its leader says of a manager, empty for a worker."""

    name: str
    state: str
    availability: str
    reachability: str
    engine_version: str
    marks: Sequence[NodeMark]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFacts:
    """A network; `addresses` are as many as its subnets have, None if it shows none."""

    driver: str
    is_attachable: bool
    addresses: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmFacts:
    """The Swarm as one of its managers sees it; `network` is None if there is no such one."""

    nodes: Sequence[NodeFacts]
    network: NetworkFacts | None


async def manager_facts(client: DockerClient) -> ManagerFacts:
    """Ask a daemon about itself; raise DockerUnavailable when it does not answer."""
    version = await client.call(lambda api: api.version())
    info = await client.call(lambda api: api.info())
    swarm = info.get("Swarm") or {}
    return ManagerFacts(
        name=str(info.get("Name")),
        version=str(version.get("Version")),
        api_version=str(version.get("ApiVersion")),
        storage_driver=str(info.get("Driver")),
        time=read_time(info.get("SystemTime")),
        swarm_state=str(swarm.get("LocalNodeState") or "inactive"),
        is_manager=bool(swarm.get("ControlAvailable")),
    )


async def swarm_facts(client: DockerClient, network: str) -> SwarmFacts:
    """Ask a manager about its Swarm; raise DockerUnavailable, or HostRefused without a leader."""
    nodes = await client.call(lambda api: api.nodes())
    networks = await client.call(lambda api: api.networks(names=[network]))
    found = next((each for each in networks if each["Name"] == network), None)
    return SwarmFacts(
        nodes=sorted(map(_node, nodes), key=lambda each: each.name),
        network=None if found is None else _network(found),
    )


def _node(answer: Mapping[str, Any]) -> NodeFacts:
    description, spec = answer.get("Description") or {}, answer.get("Spec") or {}
    labels = spec.get("Labels") or {}
    return NodeFacts(
        name=str(description.get("Hostname") or answer.get("ID")),
        state=str((answer.get("Status") or {}).get("State")),
        availability=str(spec.get("Availability")),
        reachability=str((answer.get("ManagerStatus") or {}).get("Reachability") or ""),
        engine_version=str((description.get("Engine") or {}).get("EngineVersion") or ""),
        marks=[each for each in NodeMark if mark_label(each) in labels],
    )


def _network(answer: Mapping[str, Any]) -> NetworkFacts:
    configured = (answer.get("IPAM") or {}).get("Config") or ()
    subnets = [each["Subnet"] for each in configured if each.get("Subnet")]
    return NetworkFacts(
        driver=str(answer.get("Driver")),
        is_attachable=bool(answer.get("Attachable")),
        addresses=sum(map(_size, subnets)) if subnets else None,
    )


def _size(subnet: str) -> int:
    return ip_network(subnet, strict=False).num_addresses
