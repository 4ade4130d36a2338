"""Limiting what a container may write to its own file system, where Docker can."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rtmanager.domain.container import ContainerId, ContainerSpec
from rtmanager.domain.ports.container_host import HostRefused, StartConfigInvalid

logger = logging.getLogger(__name__)

Create = Callable[[ContainerSpec], Awaitable[ContainerId]]

_WITH_QUOTAS = frozenset({"btrfs", "devicemapper", "zfs"})
_NEEDED = (
    "a storage driver with quotas: overlay2 on XFS mounted with pquota, btrfs or zfs; until then "
    "the use is only measured"
)


@dataclass
class DiskLimit:
    """Creates containers with a disk limit, if Docker can enforce it.

    `info` asks the daemon for its storage driver. That shows whether a limit is possible, except on
    XFS, where only a create shows whether the file system has quotas: one that Docker refuses for
    the limit's sake is repeated without it. Any other refusal is the create's.
    """

    info: Callable[[], Awaitable[Mapping[str, Any]]]
    _is_possible: bool | None = field(default=None, init=False)

    async def create(self, create: Create, spec: ContainerSpec) -> ContainerId:
        """Create the container, with the limit if Docker can enforce it."""
        unlimited = replace(spec, disk_limit=None)
        if spec.disk_limit is None or not await self._may_be_possible():
            return await create(unlimited)
        try:
            return await create(spec)
        except (HostRefused, StartConfigInvalid) as refusal:
            if "storage-opt" not in refusal.message:
                raise
            self._note_that_it_is_not(refusal.message)
            return await create(unlimited)

    async def _may_be_possible(self) -> bool:
        if self._is_possible is None:
            driver, backing = storage(await self.info())
            self._is_possible = driver in _WITH_QUOTAS or backing == "xfs"
            if not self._is_possible:
                self._note_that_it_is_not(f"the storage driver is {driver} on {backing}")
        return self._is_possible

    def _note_that_it_is_not(self, reason: str) -> None:
        logger.warning("disk_limit_not_enforced", extra={"reason": reason, "needed": _NEEDED})
        self._is_possible = False


def storage(info: Mapping[str, Any]) -> tuple[str, str]:
    """Return the storage driver and the file system below it from the daemon's information."""
    status = {str(pair[0]): str(pair[1]) for pair in info.get("DriverStatus") or ()}
    return str(info.get("Driver") or "unknown"), status.get("Backing Filesystem", "unknown")
