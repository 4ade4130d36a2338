"""A service, its tasks and their nodes, read as the container of the port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from rtmanager.adapters.docker.docker_json import STATE_VARIABLE, parse_time
from rtmanager.adapters.swarm import labels
from rtmanager.adapters.swarm.api import Json
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerStatus,
    EngineContainer,
    ImageId,
)
from rtmanager.domain.node import Node, NodeId, NodeMark, NodeState, Placement

_REMOVAL_SECONDS = 60.0
"""After that a removal is not under way any more: its request was lost after the mark."""
_ENDING_SECONDS = 30.0
"""What Swarm takes to end an engine besides its grace period, and our clock may differ from its."""
_NANO = 1_000_000_000
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class ServiceView:
    """A service as it was read, before its tasks, and those before their nodes.

    Whatever the tasks show is then at least as new as the service, so an engine that runs is never
    taken for one that has ended. `network` is the configured one, `now` our own time.
    """

    service: Json
    tasks: Sequence[Task]
    nodes: Mapping[NodeId, Node]
    network: str
    now: datetime

    @property
    def id(self) -> ContainerId:
        """The service's id."""
        return ContainerId(self.service["ID"])

    @property
    def version(self) -> int:
        """The version that a change must send."""
        return int(self.service["Version"]["Index"])

    @property
    def spec(self) -> Json:
        """The service's specification."""
        spec: Json = self.service["Spec"]
        return spec

    @property
    def labels(self) -> Mapping[str, str]:
        """The service's labels, ours included."""
        found: Mapping[str, str] = self.spec.get("Labels") or {}
        return found

    @property
    def name(self) -> str:
        """The container's name; a service of others has none but its own."""
        return self.labels.get(labels.NAME) or self.spec["Name"]

    @property
    def is_wanted(self) -> bool:
        """Return whether Swarm is to run it."""
        mode = self.spec.get("Mode") or {}
        return bool((mode.get("Replicated") or {"Replicas": 1}).get("Replicas", 0))

    @property
    def run(self) -> int:
        """The number of the last start."""
        return int(self.spec["TaskTemplate"].get("ForceUpdate", 0))

    @property
    def was_begun(self) -> bool:
        """Return whether its process was ever started."""
        now = self.last is not None and (self.last.was_started or not self.last.has_ended)
        return now or labels.BEGUN_AT in self.labels

    @property
    def is_marked_for_removal(self) -> bool:
        """Return whether it is being removed."""
        return labels.REMOVING in self.labels

    @cached_property
    def alive(self) -> Task | None:
        """The newest task that has not ended, or may not have ended."""
        return max((each for each in self.tasks if self._may_live(each)), default=None)

    @cached_property
    def last(self) -> Task | None:
        """The newest task of the last start, alive or not."""
        return max((each for each in self.tasks if each.run == self.run), default=None)

    @cached_property
    def task(self) -> Task | None:
        """The task to be shown: one that is alive, or else the last one."""
        return self.alive or self.last

    @property
    def status(self) -> ContainerStatus:
        """The container's status."""
        if self.alive is not None:
            return self._status_of(self.alive)
        if self._unseen_on is not None:
            return ContainerStatus.RUNNING
        if self.is_marked_for_removal:
            return ContainerStatus.REMOVING if self._is_fresh else ContainerStatus.DEAD
        if self.is_wanted and self.last is None:
            return ContainerStatus.STARTING
        return ContainerStatus.EXITED if self.was_begun else ContainerStatus.CREATED

    @property
    def _is_fresh(self) -> bool:
        """Return whether it was changed so lately that whoever did may not be done with it."""
        changed_at = parse_time(self.service["UpdatedAt"]) or _EPOCH
        return (self.now - changed_at).total_seconds() < _REMOVAL_SECONDS

    @property
    def placement(self) -> Placement | None:
        """The node, if it is placed; one that has left the Swarm unseen counts as down."""
        on = self.task.node if self.task is not None else self._unseen_on
        if on is None:
            return None
        node = self.nodes.get(on)
        return Placement(node=on, name=node.name if node else on, is_down=self._is_down(on))

    @property
    def ended_with_node(self) -> bool:
        """Return whether the engine was lost with its node, or ended by it on coming back."""
        ended = self.last
        if self.alive is not None:
            return False
        if not self.is_wanted or ended is None:
            return labels.LOST in self.labels
        if not ended.has_ended or ended.state == "shutdown":
            return True
        return self._is_marked(ended, NodeMark.INTERRUPTED, since=ended.created_at)

    @property
    def end(self) -> Mapping[str, str | None]:
        """What is to be remembered of an end before Swarm forgets it, as labels."""
        return {
            labels.STOPPING: None,
            labels.BEGUN_AT: _text(self._started_at),
            labels.FINISHED_AT: _text(self._finished_at),
            labels.EXIT_CODE: _text(self._exit_code),
            labels.LOST: "yes" if self.ended_with_node else None,
        }

    def container(self) -> EngineContainer:
        """Return the container as the list shows it."""
        return EngineContainer(**self._shown(), up_for=self._up_for)

    def details(self) -> ContainerDetails:
        """Return the container as an inspection shows it."""
        runs = self.status in {ContainerStatus.RUNNING, ContainerStatus.STARTING}
        return ContainerDetails(
            **self._shown(),
            exit_code=self._exit_code if self.status is ContainerStatus.EXITED else 0,
            oom_killed=False,
            error=self._error,
            started_at=self._started_at,
            finished_at=None if runs else self._finished_at,
            restart_count=0,
            state_path=self._state_path,
        )

    def _shown(self) -> dict[str, Any]:
        task = self.alive
        attachments = task.addresses if task is not None else {}
        created_on = self.labels.get(labels.NETWORK) or self._network_of_others
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "labels": labels.without_ours(self.labels),
            "image_id": ImageId(self.spec["TaskTemplate"]["ContainerSpec"]["Image"]),
            "created_at": parse_time(self.service["CreatedAt"]) or _EPOCH,
            "network": created_on,
            "address": next(iter(attachments.get(self.network, ())), None),
            "attached_to": frozenset(attachments) or frozenset({created_on} - {""}),
            "placement": self.placement,
            "ended_with_node": self.ended_with_node,
        }

    @property
    def _network_of_others(self) -> str:
        """The network of a service that has no label with its name."""
        named = self.spec["TaskTemplate"].get("Networks") or self.spec.get("Networks") or ()
        return next((str(each["Target"]) for each in named), "")

    def _status_of(self, task: Task) -> ContainerStatus:
        # One that is being ended is starting as much as running: nobody adopts it.
        runs = task.state in {"running", "orphaned"}
        may_run = runs or (task.node is not None and self._is_down(task.node))
        return ContainerStatus.RUNNING if may_run else ContainerStatus.STARTING

    def _may_live(self, task: Task) -> bool:
        if task.has_ended or self._is_lost(task):
            return False
        return not task.is_given_up or self._is_being_ended(task)

    def _is_being_ended(self, task: Task) -> bool:
        """Return whether an engine that Swarm has given up may still run.

        Its node ends it within the grace period, once it hears of it, and nobody is told. What is
        shown as ended may be out of reach again when its node goes down, but never adopted.
        """
        node = self.nodes.get(task.node) if task.node else None
        if node is None or node.state is not NodeState.READY:
            return True
        was_away = NodeMark.INTERRUPTED in node.marks
        since = max(task.status_at, node.changed_at) if was_away else task.status_at
        return (self.now - since).total_seconds() < self._stop_grace + _ENDING_SECONDS

    @property
    def _stop_grace(self) -> float:
        container = self.spec["TaskTemplate"]["ContainerSpec"]
        return float((container.get("StopGracePeriod") or 0) / _NANO)

    def _is_lost(self, task: Task) -> bool:
        """Return whether somebody vouches that the task's node is off."""
        node = self.nodes.get(task.node) if task.node else None
        if node is None or not node.is_down:
            return False
        return self._is_marked(task, NodeMark.OFF, since=task.created_at)

    def _is_marked(self, task: Task, mark: NodeMark, *, since: datetime) -> bool:
        """Return whether the task's node has a mark that is not older than this."""
        node = self.nodes.get(task.node) if task.node else None
        at = node.marks.get(mark) if node else None
        return at is not None and at >= since

    def _is_down(self, on: NodeId) -> bool:
        node = self.nodes.get(on)
        return node is None or node.is_down

    @property
    def _unseen_on(self) -> NodeId | None:
        """The node that is down since a stop there whose end nobody has seen.

        Swarm forgets the tasks of a node that has been down for a day. Whoever said that the node
        was off before the stop has said nothing about this outage.
        """
        on = NodeId(self.labels.get(labels.STOPPING, ""))
        node = self.nodes.get(on)
        if not on or not self._is_down(on):
            return None
        stopped_at = parse_time(self.labels.get(labels.FINISHED_AT, "")) or _EPOCH
        said_at = node.marks.get(NodeMark.OFF) if node else None
        return None if said_at is not None and said_at >= stopped_at else on

    @property
    def _exit_code(self) -> int | None:
        if (task := self._ended) is not None:
            return task.exit_code
        return parse_code(self.labels.get(labels.EXIT_CODE, ""))

    @property
    def _ended(self) -> Task | None:
        """The last task if it has ended; Swarm forgets it soon once it is not to run any more."""
        return self.last if self.last is not None and self.last.has_ended else None

    @property
    def _error(self) -> str:
        task = self._ended
        if task is not None and not task.was_started:
            return task.error
        return self.labels.get(labels.ERROR, "")

    @property
    def _started_at(self) -> datetime | None:
        task = self.task
        if task is None or not task.was_started:
            return parse_time(self.labels.get(labels.BEGUN_AT, ""))
        return task.created_at if task.has_ended else task.status_at

    @property
    def _finished_at(self) -> datetime | None:
        if (task := self._ended) is not None:
            return task.status_at
        return parse_time(self.labels.get(labels.FINISHED_AT, ""))

    @property
    def _up_for(self) -> float | None:
        task = self.alive
        if task is None or task.state != "running" or self._status_is_stale(task):
            return None
        return max(0.0, (self.now - task.status_at).total_seconds())

    def _status_is_stale(self, task: Task) -> bool:
        return task.node is not None and self._is_down(task.node)

    @property
    def _state_path(self) -> str | None:
        """The directory mounted at the engine's `STORAGE_PATH`, or else the only one."""
        container = self.spec["TaskTemplate"]["ContainerSpec"]
        binds = {
            each["Target"]: str(each["Source"])
            for each in container.get("Mounts") or ()
            if each.get("Type") == "bind"
        }
        variables = (text.partition("=") for text in container.get("Env") or ())
        target = next((value for name, _, value in variables if name == STATE_VARIABLE), "")
        return binds.get(target, next(iter(binds.values())) if len(binds) == 1 else None)


def parse_code(text: str) -> int | None:
    """Read an exit code from a label; None when there is none."""
    return int(text) if text.isdecimal() and text.isascii() else None


def _text(value: datetime | int | None) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)
