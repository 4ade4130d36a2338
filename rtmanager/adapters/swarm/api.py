"""What the adapter asks a Swarm's managers, in the JSON of Docker's Engine API (1.41).

One service per container, with at most one task that is alive. Everything in this protocol is one
request to a manager; the in-memory Swarm of the simulation implements the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rtmanager.domain.ports.container_host import HostRefused

Json = Mapping[str, Any]


class ServiceGone(HostRefused):
    """the service does not exist."""


class NameInUse(HostRefused):
    """a service of this name exists."""


class OutOfSequence(HostRefused):
    """the object has changed since it was read: its version is another."""


class SpecRefused(HostRefused):
    """Swarm does not accept the specification."""


class SwarmApi(Protocol):
    """Requests to the managers of a Swarm; whichever answers.

    Each has a deadline. Raises DockerUnavailable when no manager answered in time, or none has a
    leader: a change may then have happened, or may happen later, but never after the object has got
    another version. Any other refusal raises HostRefused or one of its subclasses.
    """

    async def ping(self) -> None:
        """Raise DockerUnavailable unless a manager answers that knows a leader."""

    async def info(self) -> Json:
        """Return `/info` of the manager that answers, with its time."""

    async def networks(self, *, name: str | None = None) -> Sequence[Json]:
        """Return the networks, or those whose name contains this."""

    async def network(self, network_id: str) -> Json:
        """Return one network with the containers on it that run on the manager's own node.

        Raises HostRefused when there is none.
        """

    async def services(self, **filters: Sequence[str]) -> Sequence[Json]:
        """Return the services that match: `label`, `name`, `id`."""

    async def service(self, service_id: str) -> Json:
        """Return the service with this id or name. Raises ServiceGone."""

    async def create_service(self, spec: Json, *, credentials: str | None = None) -> str:
        """Create a service; return its id. Raises NameInUse, SpecRefused."""

    async def update_service(
        self, service_id: str, version: int, spec: Json, *, credentials: str | None = None
    ) -> None:
        """Replace the service's specification if its version is still this one.

        Raises ServiceGone, OutOfSequence, SpecRefused.
        """

    async def remove_service(self, service_id: str) -> None:
        """Remove the service and end its tasks. Raises ServiceGone."""

    async def tasks(self, **filters: Sequence[str]) -> Sequence[Json]:
        """Return the tasks that match: `service` (ids or names), `label` (the service's), `node`.

        `desired_state` is what Swarm wants, such as remove. With `runtime` "attachment", the plain
        containers on the Swarm's networks are returned; else none of them. Raises ServiceGone when
        one of the services does not exist.
        """

    async def nodes(self) -> Sequence[Json]:
        """Return all nodes."""

    async def node(self, node_id: str) -> Json:
        """Return one node. Raises HostRefused when there is none."""

    async def update_node(self, node_id: str, version: int, spec: Json) -> None:
        """Replace the node's specification if its version is still this one.

        Raises OutOfSequence.
        """
