"""What the nodes of the in-memory Swarm do with their tasks."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rtmanager.adapters.in_memory.docker_effects import Moment
from rtmanager.adapters.in_memory.docker_objects import TERMINATED, MemoryContainer, MemoryImage
from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.in_memory.swarm_services import bound, grace_of, image_of, limit_of, mounted
from rtmanager.adapters.in_memory.swarm_tasks import ENDED, MemoryTask, TaskStatus
from rtmanager.domain.container import ContainerId, ContainerSpec, ResourceLimits

if TYPE_CHECKING:
    from rtmanager.adapters.in_memory.swarm_world import InMemorySwarm

_LIMITS = ResourceLimits(cpu_quota=1.0, memory_bytes=512 << 20, pids_limit=512)
_NOT_FOUND = 127
_UNTIL_NOT_FOUND = 0.1
"""With an init process an engine whose command does not exist runs for a moment."""


class Agents:
    """The nodes: each goes on with what it was told, whether or not the managers hear of it."""

    def __init__(self, swarm: "InMemorySwarm") -> None:
        self._swarm = swarm

    def tell(self, task: MemoryTask) -> None:
        """Tell the node what is wanted of a task; one that is not heard is told when it is back."""
        node = task.node
        if node is None or not node.is_heard:
            return
        if task.is_wanted:
            self._receive(task)
        elif not task.must_end:
            task.must_end = task.is_received = True
            delay = self._swarm.durations.stop if task.writes else 0.0
            self._swarm.after(delay, lambda at: self._obey(task, at))

    def look_at(self, task: MemoryTask, at: Moment) -> None:
        """Let the task's engine end if that is due, and note it; else look again when it is."""
        if task.engine is None:
            return
        task.engine.catch_up(at)
        if task.engine.is_running:
            if (due := task.engine.exit_due) is not None:
                self._swarm.after(due - at.elapsed, lambda then: self.look_at(task, then))
        elif self._swarm.alive.pop(task.id, None) is not None:
            self._note_end(task, task.engine.exit_code, at)

    def die_with(self, node: MemoryNode, exit_code: int) -> None:
        """End every engine of a node that loses its power."""
        at = self._swarm.moment
        for task in self._on(node):
            if task.actual.state not in ENDED and task.is_received:
                task.actual = TaskStatus(
                    "failed", at.wall, f"task: non-zero exit ({exit_code})", exit_code
                )
            if task.engine is not None:
                task.engine.exit(at, exit_code)
                self._swarm.alive.pop(task.id, None)

    def restart(self, node: MemoryNode) -> None:
        """End what a new dockerd finds of the one before; a link that is back ends nothing."""
        if not node.daemon_runs:
            self.die_with(node, TERMINATED)

    def report_all(self, node: MemoryNode) -> None:
        """Report every task of a node that is back, and let it learn what is wanted of each."""
        for task in self._on(node):
            self._report(task)
            if not task.has_ended or task.is_given_up:
                self.tell(task)

    def _note_end(self, task: MemoryTask, code: int, at: Moment) -> None:
        state = "shutdown" if task.must_end else "failed" if code else "complete"
        words = f"task: non-zero exit ({code})" if state == "failed" else ""
        self._become(task, state, at, words, code)

    def _on(self, node: MemoryNode) -> list[MemoryTask]:
        return [each for each in self._swarm.tasks.values() if each.node is node]

    def _receive(self, task: MemoryTask) -> None:
        if not task.is_received:
            task.is_received = True
            self._become(task, "preparing", self._swarm.moment)
            self._swarm.after(self._swarm.durations.prepare, lambda at: self._prepare(task, at))

    def _prepare(self, task: MemoryTask, at: Moment) -> None:
        if not self._goes_on(task):
            return
        image = self._swarm.find_image(image_of(task.template))
        words = self._obstacle(task, image)
        if words:
            self._become(task, "rejected", at, words)
            return
        self._become(task, "starting", at)
        self._swarm.after(self._swarm.durations.start, lambda then: self._start(task, image, then))

    def _obstacle(self, task: MemoryTask, image: MemoryImage | None) -> str:
        """Return why the node cannot make the container; empty when it can."""
        node, reference = task.node, image_of(task.template)
        if image is None or (node is not None and image.id in node.lacks):
            return f"No such image: {reference}"
        if node is not None and limit_of(task.template) > node.cpus:
            most = f"{node.cpus:.2f}, as there are only {node.cpus:g} CPUs available"
            return f"Range of CPUs is from 0.01 to {most}"
        for path in bound(task.template):
            if not self._swarm.path_exists(path):
                bind = 'invalid mount config for type "bind"'
                return f"{bind}: bind source path does not exist: {path}"
        return ""

    def _start(self, task: MemoryTask, image: MemoryImage | None, at: Moment) -> None:
        if image is None or not self._goes_on(task):
            return
        task.engine = _container(task, image, at)
        task.engine.run(at, next(iter(task.addresses.values()), "10.0.1.2"))
        self._swarm.alive[task.id] = task
        self._become(task, "running", at)
        self.look_at(task, at)

    def _goes_on(self, task: MemoryTask) -> bool:
        """Return whether the node is there and goes on with the task."""
        return (
            bool(task.node and task.node.daemon_runs and not task.must_end)
            and task.actual.state not in ENDED
        )

    def _obey(self, task: MemoryTask, at: Moment) -> None:
        if task.node is None or not task.node.daemon_runs or task.actual.state in ENDED:
            return
        if task.writes and task.engine is not None:
            task.engine.stop(at, grace_of(task.template))
            self.look_at(task, at)
        else:
            self._become(task, "shutdown", at)

    def _become(
        self, task: MemoryTask, state: str, at: Moment, words: str = "", code: int | None = None
    ) -> None:
        task.actual = TaskStatus(state, at.wall, words, code)
        self._report(task)

    def _report(self, task: MemoryTask) -> None:
        if task.node is not None and task.node.is_heard and task.is_received:
            self._swarm.managers.reported(task)


def _container(task: MemoryTask, image: MemoryImage, at: Moment) -> MemoryContainer:
    """Make the task's container of its template."""
    template: Any = task.template
    container = template["ContainerSpec"]
    spec = ContainerSpec(
        name=f"{task.name}.1.{task.id}",
        hostname=container.get("Hostname", ""),
        image=image.id,
        labels=dict(container.get("Labels") or {}),
        environment=dict(each.split("=", 1) for each in container.get("Env") or ()),
        network=next(iter(task.networks.values()), ""),
        state_path=next(iter(mounted(template)), ""),
        mount_path="",
        limits=_LIMITS,
        read_only_root=bool(container.get("ReadOnly")),
    )
    behaviour = image.behaviour
    if behaviour.refuses_to_start:
        behaviour = replace(
            behaviour,
            exits_after=_UNTIL_NOT_FOUND,
            exit_code=_NOT_FOUND,
            healthy_after=None,
        )
    return MemoryContainer(
        id=ContainerId(task.id),
        name=spec.name,
        spec=spec,
        image=replace(image, behaviour=behaviour),
        created_at=at.wall,
    )
