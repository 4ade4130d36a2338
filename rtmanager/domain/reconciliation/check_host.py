"""Checking the Docker host at startup, before any operation begins."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.container import EngineContainer
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import Fence
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.operation_journal import OperationJournal

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckHost:
    """Compares the database with the whole host, with one list; changes nothing on the host."""

    host: ContainerHost
    journal: OperationJournal
    installation: Installation

    async def run(self) -> Sequence[EngineContainer]:
        """Raise the fences above those on containers, and warn when others share our network.

        Returns the list of containers for reuse. Fences on containers that the database has not
        assigned yet mean that it was restored from a backup: it must not assign them again. Raises
        DockerUnavailable, ServiceUnavailable.
        """
        containers = await self.host.list_containers()
        await self._raise_fences(
            [each for each in containers if each.installation in {None, self.installation.id}]
        )
        self._warn_of_others(containers)
        return containers

    async def _raise_fences(self, ours: Sequence[EngineContainer]) -> None:
        highest = max((each.fence for each in ours if each.fence is not None), default=None)
        if highest is not None and await self.journal.raise_fences(Fence(highest)):
            logger.warning(
                "database_older_than_containers",
                extra={
                    "highest_fence": highest,
                    "advice": "it was restored from a backup or recreated; records older than "
                    "what Docker shows are reconciled now",
                },
            )

    def _warn_of_others(self, containers: Sequence[EngineContainer]) -> None:
        network = self.installation.network
        others = {
            each.installation
            for each in containers
            if each.network == network and each.installation not in {None, self.installation.id}
        }
        if others:
            about = {"docker_network": network, "installations": sorted(map(str, others))}
            logger.warning("network_shared_with_others", extra=about)
