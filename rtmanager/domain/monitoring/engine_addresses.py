"""The addresses that engines connect from: those of all containers of any Runtime Manager."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from rtmanager.domain.container import ContainerId, EngineContainer
from rtmanager.domain.container_network import ContainerNetwork, NetworkId

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class LocalNetwork:
    """A network of the container host, and who had which address on it when Docker was asked."""

    id: NetworkId
    name: str
    is_private: bool
    subnets: Sequence[IpNetwork]
    gateways: frozenset[IpAddress]
    holders: Mapping[IpAddress, ContainerId]

    @classmethod
    def of(cls, shown: ContainerNetwork) -> Self:
        """Read a network of which it is not known who is on it."""
        return cls(
            id=shown.id,
            name=shown.name,
            is_private=shown.is_private,
            subnets=[ip_network(each, strict=False) for each in shown.subnets],
            gateways=frozenset(map(ip_address, shown.gateways)),
            holders={},
        )

    def held_by(self, attached: Mapping[ContainerId, Collection[str]]) -> Self:
        """Return the network with these containers on it."""
        pairs = ((each, holder) for holder, held in attached.items() for each in held)
        return replace(self, holders={ip_address(each): holder for each, holder in pairs})

    def covers(self, address: IpAddress) -> bool:
        """Return whether the address is in a subnet of the network."""
        return any(address in subnet for subnet in self.subnets)


@dataclass(frozen=True, slots=True)
class KnownEngine:
    """What is kept of a container that runs other people's code."""

    id: ContainerId
    game_id: str | None

    @classmethod
    def of(cls, container: EngineContainer) -> Self:
        """Keep what is needed of a container, which is the least of it."""
        return cls(container.id, container.game_id)


@dataclass(frozen=True, slots=True)
class EngineAddresses:
    """All networks of the container host, and what is known of the containers on them.

    `containers` says of each container that Docker was asked about whether it has the labels of any
    Runtime Manager: all these run other people's code. Of the others it says None. `engines_on` are
    the names of the networks that engines were on when the service started.
    """

    networks: Sequence[LocalNetwork]
    containers: Mapping[ContainerId, KnownEngine | None]
    engines_on: frozenset[str]

    def holders(self, address: IpAddress) -> Sequence[ContainerId]:
        """Return the containers with this address."""
        return [each.holders[address] for each in self.networks if address in each.holders]

    def engine_at(self, address: IpAddress) -> KnownEngine | None:
        """Return the engine with this address."""
        found = map(self.containers.get, self.holders(address))
        return next((each for each in found if each is not None), None)

    def is_on_engines_network(self, address: IpAddress) -> bool:
        """Return whether the address is in a subnet that engines were in at the start."""
        return any(each.covers(address) for each in self.networks if each.name in self.engines_on)

    def admits(self, peer: IpAddress) -> bool:
        """Return whether the peer is no engine.

        In a private subnet it must be known: an engine that has connected and ended at once has
        no address any more, but what it has sent is still there to be read.
        """
        if holders := self.holders(peer):
            return all(each in self.containers for each in holders) and not self.engine_at(peer)
        if any(peer in each.gateways for each in self.networks):
            return True
        return not any(each.is_private and each.covers(peer) for each in self.networks)


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
