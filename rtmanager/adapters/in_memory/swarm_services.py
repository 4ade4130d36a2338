"""The services of the in-memory Swarm."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rtmanager.adapters.in_memory.swarm_values import Spec, rendered

_SECOND = 1_000_000_000
_GRACE = 10.0
"""Seconds that an engine has to end, unless the specification says otherwise."""


@dataclass(kw_only=True, eq=False)
class MemoryService:
    """A service: its specification, and the version of its last change."""

    id: str
    spec: Spec
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        """Its name in Swarm."""
        return str(self.spec["Name"])

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return dict(self.spec.get("Labels") or {})

    @property
    def replicas(self) -> int:
        """How many tasks it wants, here 0 or 1."""
        return int(self.spec["Mode"]["Replicated"].get("Replicas") or 0)

    def shown(self) -> dict[str, Any]:
        """Return the service as `/services` shows it; the caller may change what it gets."""
        return {
            "ID": self.id,
            "Version": {"Index": self.version},
            "CreatedAt": rendered(self.created_at),
            "UpdatedAt": rendered(self.updated_at),
            "Spec": deepcopy(self.spec),
            "Endpoint": {"Spec": dict(self.spec.get("EndpointSpec") or {})},
        }


def image_of(template: Spec) -> str:
    """Return the image that the tasks run."""
    return str(template["ContainerSpec"]["Image"])


def grace_of(template: Spec) -> float:
    """Return the seconds between the signal and the kill."""
    grace = template["ContainerSpec"].get("StopGracePeriod")
    return _GRACE if grace is None else grace / _SECOND


def mounted(template: Spec) -> list[str]:
    """Return the paths of the node that the tasks write to."""
    mounts = template["ContainerSpec"].get("Mounts") or ()
    binds = (each for each in mounts if each.get("Type") == "bind")
    return [str(each["Source"]) for each in binds if not each.get("ReadOnly")]


def bound(template: Spec) -> list[str]:
    """Return the paths that must exist on the node."""
    mounts = template["ContainerSpec"].get("Mounts") or ()
    return [str(each["Source"]) for each in mounts if each.get("Type") == "bind"]


def constraints_of(template: Spec) -> list[str]:
    """Return the conditions on the node."""
    return list((template.get("Placement") or {}).get("Constraints") or ())


def limit_of(template: Spec) -> float:
    """Return the limit of CPU cores; 0 without one."""
    limits = (template.get("Resources") or {}).get("Limits") or {}
    return float(limits.get("NanoCPUs") or 0) / _SECOND


def reserved_by(template: Spec) -> tuple[float, int]:
    """Return the CPU cores and the bytes of memory that a task reserves."""
    reserved = (template.get("Resources") or {}).get("Reservations") or {}
    return float(reserved.get("NanoCPUs") or 0) / _SECOND, int(reserved.get("MemoryBytes") or 0)
