"""The networks of the in-memory Docker: their subnets, and free addresses."""

from dataclasses import dataclass, field

from rtmanager.domain.container_network import ContainerNetwork, NetworkId


@dataclass
class AddressSpace:
    """Gives every network a subnet of its own, in the order of their first use.

    Networks in `shared` extend beyond the host.
    """

    shared: set[str] = field(default_factory=set)
    _prefixes: dict[str, str] = field(default_factory=dict, init=False)

    def free(self, network: str, used: frozenset[str]) -> str:
        """Return the lowest free address, as Docker does; the first is the gateway's."""
        prefix = self._prefix(network)
        candidates = (f"{prefix}.{n >> 8}.{n & 255}" for n in range(2, 1 << 16))
        return next(address for address in candidates if address not in used)

    def nth(self, network: str, number: int) -> str:
        """Return an address by its number from 1 on; the numbers begin again when all are given."""
        place = 2 + (number - 1) % ((1 << 16) - 3)
        return f"{self._prefix(network)}.{place >> 8}.{place & 255}"

    def view(self, network: str) -> ContainerNetwork:
        """Return the network as Docker lists it; its id is its name."""
        prefix = self._prefix(network)
        return ContainerNetwork(
            id=NetworkId(network),
            name=network,
            is_private=network not in self.shared,
            subnets=frozenset({f"{prefix}.0.0/16"}),
            gateways=frozenset({f"{prefix}.0.1"}),
        )

    def _prefix(self, network: str) -> str:
        return self._prefixes.setdefault(network, f"172.{30 + len(self._prefixes)}")
