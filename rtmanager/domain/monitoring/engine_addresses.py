"""The addresses that engines connect from: those of all containers of any Runtime Manager."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from rtmanager.domain.container import EngineContainer
from rtmanager.domain.container_network import ContainerNetwork

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class EngineAddresses:
    """Who had which address on the networks of our containers when Docker was last asked.

    `engines` are containers with the labels of any Runtime Manager: all run other people's code.
    `others` are the other containers on these networks, `gateways` the host.
    """

    engines: Mapping[IpAddress, EngineContainer]
    others: frozenset[IpAddress]
    gateways: frozenset[IpAddress]
    private: Sequence[IpNetwork]
    shared: Sequence[IpNetwork]

    @classmethod
    def of(
        cls, containers: Iterable[EngineContainer], networks: Iterable[ContainerNetwork]
    ) -> Self:
        """Combine the list of our containers with the networks that they are attached to."""
        ours, every = {each.id: each for each in containers}, tuple(networks)
        attached = [
            (ip_address(address), ours.get(container_id))
            for network in every
            for container_id, addresses in network.attached.items()
            for address in addresses
        ]
        return cls(
            engines={address: engine for address, engine in attached if engine is not None},
            others=frozenset(address for address, engine in attached if engine is None),
            gateways=frozenset(ip_address(each) for one in every for each in one.gateways),
            private=_subnets(one for one in every if one.is_private),
            shared=_subnets(one for one in every if not one.is_private),
        )

    def may_be_engine(self, peer: IpAddress) -> bool:
        """Return whether an engine that has just started could have this address."""
        return peer not in self.gateways and self.covers(peer)

    def covers(self, address: IpAddress) -> bool:
        """Return whether the address is in a subnet that engines are in."""
        return any(address in subnet for subnet in (*self.private, *self.shared))

    def admits(self, peer: IpAddress) -> bool:
        """Return whether the peer is no engine.

        In a private subnet it must be known: an engine that has connected and ended at once has
        no address any more, but what it has sent is still there to be read.
        """
        if peer in self.engines:
            return False
        is_known = peer in self.others or peer in self.gateways
        return is_known or not any(peer in subnet for subnet in self.private)


def _subnets(networks: Iterable[ContainerNetwork]) -> Sequence[IpNetwork]:
    return [ip_network(each, strict=False) for one in networks for each in one.subnets]


def parse_address(text: str) -> IpAddress | None:
    """Read an address as a socket shows it; None when it is none.

    A listener for both families shows IPv4 peers as IPv6 addresses (`::ffff:10.0.0.2`), and
    link-local peers with their interface (`fe80::2%eth0`).
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
