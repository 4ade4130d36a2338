"""Networks of the container host."""

from dataclasses import dataclass
from typing import NewType

NetworkId = NewType("NetworkId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerNetwork:
    """A network as Docker shows it.

    `gateways` are the host's own addresses. On a private network only the host and its containers
    have an address; other networks may extend beyond the host.
    """

    id: NetworkId
    name: str
    is_private: bool
    subnets: frozenset[str]
    gateways: frozenset[str]
