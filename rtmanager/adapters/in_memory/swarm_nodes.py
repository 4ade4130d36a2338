"""The nodes of the in-memory Swarm: what is true of each, and what the managers see of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rtmanager.adapters.in_memory.swarm_values import rendered

_NANO = 1e9


@dataclass(kw_only=True, eq=False)
class MemoryNode:
    """A node: its power, its daemon and its link are the truth, `state` is what managers show.

    `silent_since` is when the managers last heard of it, None while they do. `lacks` are the images
    that are not on it.
    """

    id: str
    name: str
    created_at: datetime
    cpus: float = 64.0
    memory: int = 64 << 30
    is_manager: bool = False
    is_powered: bool = True
    daemon_runs: bool = True
    is_linked: bool = True
    state: str = "ready"
    availability: str = "active"
    labels: dict[str, str] = field(default_factory=dict)
    lacks: set[str] = field(default_factory=set)
    version: int = 0
    updated_at: datetime | None = None
    silent_since: float | None = None

    @property
    def is_heard(self) -> bool:
        """Return whether orders reach the node and its reports reach the managers."""
        return self.is_powered and self.daemon_runs and self.is_linked

    @property
    def is_off(self) -> bool:
        """Return whether nothing can run on it."""
        return not self.is_powered

    @property
    def takes_tasks(self) -> bool:
        """Return whether the scheduler may place tasks on it."""
        return self.state == "ready" and self.availability == "active"

    def adopt(self, spec: Any) -> None:
        """Take over the specification that an update sets."""
        self.labels = dict(spec.get("Labels") or {})
        self.availability = spec.get("Availability", "active")

    def shown(self) -> dict[str, Any]:
        """Return the node as `/nodes` shows it."""
        role = "manager" if self.is_manager else "worker"
        shown: dict[str, Any] = {
            "ID": self.id,
            "Version": {"Index": self.version},
            "CreatedAt": rendered(self.created_at),
            "UpdatedAt": rendered(self.updated_at or self.created_at),
            "Spec": {
                "Labels": dict(self.labels),
                "Role": role,
                "Availability": self.availability,
            },
            "Description": {
                "Hostname": self.name,
                "Platform": {"Architecture": "x86_64", "OS": "linux"},
                "Resources": {"NanoCPUs": int(self.cpus * _NANO), "MemoryBytes": self.memory},
                "Engine": {"EngineVersion": "20.10.24"},
            },
            "Status": {"State": self.state, "Addr": "10.77.0.11"},
        }
        if self.state == "down":
            shown["Status"]["Message"] = "heartbeat failure"
        if self.is_manager:
            shown["ManagerStatus"] = {"Reachability": "reachable", "Addr": "10.77.0.11:2377"}
        return shown
