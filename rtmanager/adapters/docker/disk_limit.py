"""Limiting what a container may write to its own file system, where Docker can."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from rtmanager.domain.container import ContainerId, ContainerSpec
from rtmanager.domain.ports.container_host import (
    ContainerNameInUse,
    HostRefused,
    StartConfigInvalid,
)

logger = logging.getLogger(__name__)

Create = Callable[[ContainerSpec], Awaitable[ContainerId]]
_NEEDED = (
    "a storage driver with quotas: overlay2 on XFS mounted with pquota, btrfs or zfs; until then "
    "the use is only measured"
)


class DiskLimit:
    """Creates containers with a disk limit, or without it once Docker has refused one.

    Only a create shows whether Docker can limit a container, and each storage driver words its
    refusal differently. So a refused create is repeated without the limit: if that succeeds, the
    limit was the reason, and is left out from then on.
    """

    def __init__(self) -> None:
        self._is_refused = False

    async def create(self, create: Create, spec: ContainerSpec) -> ContainerId:
        """Create the container, with the limit if Docker can enforce it."""
        unlimited = replace(spec, disk_limit=None)
        if self._is_refused or spec.disk_limit is None:
            return await create(unlimited)
        try:
            return await create(spec)
        except ContainerNameInUse:
            raise
        except (HostRefused, StartConfigInvalid) as refusal:
            container_id = await create(unlimited)
            if not self._is_refused:
                about = {"reason": refusal.message, "needed": _NEEDED}
                logger.warning("disk_limit_not_enforced", extra=about)
            self._is_refused = True
            return container_id
