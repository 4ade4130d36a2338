"""Networks of the container host, and who has which address on them."""

from collections.abc import Mapping
from dataclasses import dataclass

from rtmanager.domain.container import ContainerId


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerNetwork:
    """A network as Docker shows it.

    `attached` has the addresses of all containers on it, ours or not, from before their processes
    start until these have ended. `gateways` are the host's own addresses. On a private network
    nobody else has an address; other networks may extend beyond the host.
    """

    name: str
    is_private: bool
    subnets: frozenset[str]
    gateways: frozenset[str]
    attached: Mapping[ContainerId, frozenset[str]]
