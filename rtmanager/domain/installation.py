"""The identity of this Runtime Manager, and which containers belong to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rtmanager.domain.container import EngineContainer
from rtmanager.domain.operation import Operation
from rtmanager.domain.runtime import RuntimeRecord

Container = TypeVar("Container", bound=EngineContainer)


@dataclass(slots=True)
class Installation:
    """One database and everything that its replicas run.

    The id is created once and kept in the database, so it is known only once that is open.
    """

    network: str
    _id: str | None = None

    @property
    def id(self) -> str:
        """The id, stamped on containers and part of Redis keys; set once the database is open."""
        if self._id is None:
            raise RuntimeError("the installation's id is not known before the database is open")
        return self._id

    def identify(self, installation_id: str) -> None:
        """Set the id read from the database."""
        self._id = installation_id

    def owns(
        self,
        container: EngineContainer,
        *,
        record: RuntimeRecord | None,
        operation: Operation | None,
    ) -> bool:
        """Return whether the container is ours: the one rule for lists and inspections.

        Ours is what the game's record names, what its open operation created, and what has our
        stamp on our network. A container without a stamp, from the previous release, is ours only
        when the record or the operation names it. Such a container stays ours when the network
        setting changes.
        """
        if not container.has_our_labels:
            return False
        if record is not None and container.id == record.current_container_id:
            return True
        if container.installation not in {None, self.id}:
            return False
        if operation is not None and container.fence == operation.id:
            return True
        return container.installation is not None and container.network == self.network

    def own(
        self,
        containers: Iterable[Container],
        *,
        record: RuntimeRecord | None,
        operation: Operation | None,
    ) -> Sequence[Container]:
        """Return the containers that are ours."""
        return [each for each in containers if self.owns(each, record=record, operation=operation)]
