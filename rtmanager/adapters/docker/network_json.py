"""Reading Docker's JSON of networks."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from rtmanager.domain.container import ContainerId
from rtmanager.domain.container_network import ContainerNetwork, NetworkId

PRIVATE_DRIVERS = {"bridge"}
"""Drivers whose networks contain this host and its containers only."""
_WITHOUT_SANDBOX = "ep-"
"""Begins the key of an endpoint that Docker is just adding to a container or removing from it."""


def network(answer: Mapping[str, Any]) -> ContainerNetwork:
    """Read an entry of the list of networks."""
    blocks = [block for block in answer["IPAM"]["Config"] or () if block.get("Subnet")]
    return ContainerNetwork(
        id=NetworkId(answer["Id"]),
        name=answer["Name"],
        is_private=answer["Driver"] in PRIVATE_DRIVERS,
        subnets=frozenset(block["Subnet"] for block in blocks),
        gateways=frozenset(_gateway(block) for block in blocks),
    )


def attached(answer: Mapping[str, Any]) -> Mapping[ContainerId, frozenset[str]]:
    """Read from the answer of a network inspection who has which addresses."""
    return {
        ContainerId(key): frozenset(_addresses(endpoint))
        for key, endpoint in (answer["Containers"] or {}).items()
        if not key.startswith(_WITHOUT_SANDBOX)
    }


def _gateway(block: Mapping[str, str]) -> str:
    """Return the host's address; if nobody chose one, Docker takes the first and does not show it.

    Docker shows some with the length of the prefix.
    """
    shown = block.get("Gateway") or str(next(_assigned(block).hosts()))
    return shown.partition("/")[0]


def _assigned(block: Mapping[str, str]) -> IPv4Network | IPv6Network:
    """Return the part of the subnet from which Docker assigns addresses."""
    return ip_network(block.get("IPRange") or block["Subnet"], strict=False)


def _addresses(endpoint: Mapping[str, str]) -> Iterator[str]:
    for shown in map(endpoint.get, ("IPv4Address", "IPv6Address")):
        if shown:
            yield shown.partition("/")[0]
