"""The tasks of the in-memory Swarm: what happens on the node, and what the managers know of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.in_memory.swarm_services import reserved_by
from rtmanager.adapters.in_memory.swarm_values import Spec, rendered

STATES = (
    *("new", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"),
    *("complete", "shutdown", "failed", "rejected", "remove", "orphaned"),
)
_ORDER = {state: place for place, state in enumerate(STATES)}
ENDED = frozenset({"complete", "shutdown", "failed", "rejected", "orphaned"})
UNPLACED = frozenset({"new", "pending"})


@dataclass(slots=True)
class TaskStatus:
    """A state, when it began, and how the container ended."""

    state: str
    at: datetime
    error: str = ""
    exit_code: int | None = None


@dataclass(kw_only=True, eq=False)
class MemoryTask:
    """A task. `actual` is its status on the node, `status` the one that was last reported.

    `engine` is the container that it has made. `is_received` says that the node knows the task,
    `must_end` that the node has been told to end it, `is_given_up` that the managers have rejected
    it because its node suits it no more.
    """

    id: str
    number: int
    service_id: str
    name: str
    labels: dict[str, str]
    template: Spec
    networks: dict[str, str]
    created_at: datetime
    status: TaskStatus
    actual: TaskStatus
    version: int = 0
    desired: str = "running"
    updated_at: datetime | None = None
    node: MemoryNode | None = None
    engine: MemoryContainer | None = None
    is_received: bool = False
    must_end: bool = False
    is_given_up: bool = False
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Return whether its engine runs, whatever the managers know of it."""
        return self.engine is not None and self.engine.is_running

    @property
    def is_wanted(self) -> bool:
        """Return whether the managers want it to run."""
        return _ORDER[self.desired] <= _ORDER["running"]

    @property
    def has_ended(self) -> bool:
        """Return whether the managers know that it has ended."""
        return self.status.state in ENDED

    @property
    def uses(self) -> tuple[float, int]:
        """Return the cores and the memory that it takes up on its node."""
        return (0.0, 0) if self.has_ended or not self.is_wanted else reserved_by(self.template)

    def shown(self) -> dict[str, Any]:
        """Return the task as `/tasks` shows it."""
        shown: dict[str, Any] = {
            "ID": self.id,
            "Version": {"Index": self.version},
            "CreatedAt": rendered(self.created_at),
            "UpdatedAt": rendered(self.updated_at or self.created_at),
            "Labels": {},
            "Spec": self.template,
            "ServiceID": self.service_id,
            "Slot": 1,
            "Status": self._shown_status(),
            "DesiredState": self.desired,
        }
        if self.node is not None:
            shown["NodeID"] = self.node.id
            shown["NetworksAttachments"] = [
                {"Network": {"ID": key, "Spec": {"Name": name}}, "Addresses": self._at(key)}
                for key, name in self.networks.items()
            ]
        return shown

    def _at(self, network: str) -> list[str]:
        return [f"{self.addresses[network]}/24"] if network in self.addresses else []

    def _shown_status(self) -> dict[str, Any]:
        status: dict[str, Any] = {
            "Timestamp": rendered(self.status.at),
            "State": self.status.state,
            "Message": self.status.state,
            "PortStatus": {},
        }
        if self.status.error:
            status["Err"] = self.status.error
        if self.engine is not None and self.status.state in {"running", *ENDED}:
            status["ContainerStatus"] = {
                "ContainerID": self.engine.id,
                "PID": 0 if self.has_ended else 4242,
                "ExitCode": self.status.exit_code or 0,
            }
        return status
