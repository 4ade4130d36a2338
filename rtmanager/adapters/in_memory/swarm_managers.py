"""What the managers of the in-memory Swarm decide: tasks made, replaced, ended and forgotten.

Restart condition none, at most one task per service: all that the adapter uses.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from rtmanager.adapters.in_memory.docker_effects import Act, Effect, Moment
from rtmanager.adapters.in_memory.swarm_nodes import MemoryNode
from rtmanager.adapters.in_memory.swarm_scheduler import place
from rtmanager.adapters.in_memory.swarm_services import MemoryService
from rtmanager.adapters.in_memory.swarm_tasks import UNPLACED, MemoryTask, TaskStatus
from rtmanager.adapters.in_memory.swarm_values import new_id

if TYPE_CHECKING:
    from rtmanager.adapters.in_memory.swarm_world import InMemorySwarm

_AT_ONCE = 0.01
GIVEN_UP = "assigned node no longer meets constraints"
_LONGEST_WAIT = 60.0
"""Seconds for which the new task of an update waits for the end of the old one."""


class Managers:
    """The leader: it decides by what was reported to it, which need not be true any more."""

    def __init__(self, swarm: "InMemorySwarm") -> None:
        self._swarm = swarm
        self._awaited: dict[str, str] = {}
        self._given: dict[str, int] = {}

    def changed(self, service: MemoryService) -> None:
        """Soon make the tasks of a service what it wants."""
        self._later(_AT_ONCE, lambda _: self._reconcile(service))

    def removed(self, service: MemoryService) -> None:
        """End the tasks of a service that is gone."""
        for task in list(self._swarm.tasks_of(service.id)):
            self._take_away(task)

    def reported(self, task: MemoryTask) -> None:
        """Take note of a task's status on its node, unless there is no leader to do so."""
        if not self._swarm.has_leader or task.id not in self._swarm.tasks:
            return
        if task.status is not task.actual and not task.is_given_up:
            task.status = task.actual
            self._touch(task)
        if not task.has_ended:
            return
        if task.is_wanted:
            self._want(task, "shutdown")  # nothing is repeated
        if task.desired == "remove":
            self._later(self._swarm.durations.forget, lambda _: self._forget(task))
        self._go_on_after(task)
        self.retry()

    def retry(self) -> None:
        """Try again to place what has no node."""
        for task in list(self._swarm.tasks.values()):
            if task.status.state == "pending" and task.node is None:
                self._place(task)

    def miss(self, node: MemoryNode, since: float) -> None:
        """Give up a node that has been silent for too long: its tasks shall end, not move."""
        if node.silent_since != since or node.state == "down":
            return
        if not self._swarm.has_leader:
            return  # the next leader misses it as well
        self._show(node, "down")
        for task in self._swarm.tasks.values():
            if task.node is node and task.is_wanted and not task.has_ended:
                self._want(task, "shutdown")
                self._go_on_after(task)

    def give_up(self, task: MemoryTask) -> None:
        """Reject a task whose node suits it no more, whatever its node says later."""
        task.status = TaskStatus("rejected", self._swarm.moment.wall, GIVEN_UP)
        task.is_given_up = True
        self._want(task, "shutdown")
        self._swarm.agents.tell(task)

    def hear(self, node: MemoryNode) -> None:
        """Count on a node again: it reports, and is told what it has missed."""
        if not node.is_heard or not self._swarm.has_leader:
            return  # silent again, or heard by the next leader
        node.silent_since = None
        if node.state != "ready":
            self._show(node, "ready")
        self._swarm.agents.report_all(node)
        self.retry()

    def elect(self) -> None:
        """Begin as a new leader, which knows nothing of the nodes until it has heard of them."""
        if not self._swarm.has_leader:
            return
        known = self._swarm.durations.until_known
        for node in self._swarm.nodes.values():
            if node.state == "ready":
                self._show(node, "unknown")
            self._swarm.after(known, partial(_without_time, self.hear, node))
            if (since := node.silent_since) is not None:
                late = self._swarm.durations.until_down
                self._swarm.after(late, partial(_without_time, self.miss, node, since))

    def updated(self, node: MemoryNode) -> None:
        """Take note of a change of the node's labels or availability."""
        node.version = self._swarm.next_index()
        node.updated_at = self._swarm.moment.wall
        self.retry()

    def _later(self, seconds: float, act: Act[None]) -> Effect[None]:
        """Decide something later; without a leader once there is one."""

        def decide(_: Moment) -> None:
            swarm = self._swarm
            if swarm.has_leader:
                act(swarm.moment)
            else:
                left = swarm.leaderless_until - swarm.moment.elapsed
                self._later(max(left, 0.0) + _AT_ONCE, act)

        return self._swarm.after(seconds, decide)

    def _reconcile(self, service: MemoryService) -> None:
        if self._swarm.services.get(service.id) is not service:
            return
        tasks = [each for each in self._swarm.tasks_of(service.id) if each.desired != "remove"]
        if not service.replicas:
            for task in tasks:
                self._take_away(task)
        elif not tasks:
            self._make(service)
        elif _differs(tasks[-1], service):
            self._replace(tasks[-1], service)

    def _make(self, service: MemoryService) -> None:
        swarm, number, at = self._swarm, self._swarm.next_number(), self._swarm.moment
        names = {key: name for name, key in swarm.networks.items()}
        wanted = (each["Target"] for each in service.spec["TaskTemplate"].get("Networks") or ())
        status = TaskStatus("new", at.wall)
        task = MemoryTask(
            id=new_id("task", number),
            number=number,
            service_id=service.id,
            name=service.name,
            labels=service.labels,
            template=deepcopy(service.spec["TaskTemplate"]),
            networks={each: names.get(each, each) for each in wanted},
            created_at=at.wall,
            status=status,
            actual=status,
            version=swarm.next_index(),
        )
        swarm.tasks[task.id] = task
        self._later(swarm.durations.place, lambda _: self._place(task))

    def _place(self, task: MemoryTask) -> None:
        swarm = self._swarm
        if task.id not in swarm.tasks or not task.is_wanted or task.node is not None:
            return
        found = place(task, swarm.nodes.values(), list(swarm.tasks.values()))
        if isinstance(found, str):
            self._tell_status(task, "pending", found)
            return
        task.node = found
        for key, name in task.networks.items():
            task.addresses[key] = self._address(name)
        self._tell_status(task, "assigned")
        swarm.after(swarm.durations.receive, lambda _: swarm.agents.tell(task))

    def _address(self, network: str) -> str:
        """Return the next address: those that were given are only given again when none is left."""
        self._given[network] = given = self._given.get(network, 0) + 1
        return self._swarm.addresses.nth(network, given)

    def _replace(self, old: MemoryTask, service: MemoryService) -> None:
        """Begin an update: the old task shall end, then a new one is made.

        The update notes its progress in the service, which thereby gets another version. It does
        not wait for a task whose node is down.
        """
        self._want(old, "shutdown")
        service.version = self._swarm.next_index()
        is_lost = old.node is None or old.node.state == "down"
        if old.has_ended or is_lost:
            self._make(service)
            return
        self._swarm.agents.tell(old)
        self._awaited[old.id] = service.id
        self._later(_LONGEST_WAIT, lambda _: self._go_on_after(old))

    def _go_on_after(self, old: MemoryTask) -> None:
        service = self._swarm.services.get(self._awaited.pop(old.id, ""))
        if service is not None and service.replicas:
            wanted = [each for each in self._swarm.tasks_of(service.id) if each.is_wanted]
            if not wanted:
                self._make(service)

    def _take_away(self, task: MemoryTask) -> None:
        if task.desired != "remove":
            self._want(task, "remove")
            if task.has_ended or task.status.state in UNPLACED:
                self._later(self._swarm.durations.forget, lambda _: self._forget(task))
            else:
                self._swarm.agents.tell(task)

    def _forget(self, task: MemoryTask) -> None:
        self._swarm.tasks.pop(task.id, None)

    def _want(self, task: MemoryTask, desired: str) -> None:
        task.desired = desired
        self._touch(task)

    def _tell_status(self, task: MemoryTask, state: str, words: str = "") -> None:
        task.status = task.actual = TaskStatus(state, self._swarm.moment.wall, words)
        self._touch(task)

    def _touch(self, task: MemoryTask) -> None:
        task.version = self._swarm.next_index()
        task.updated_at = self._swarm.moment.wall

    def _show(self, node: MemoryNode, state: str) -> None:
        node.state = state
        self.updated(node)


def _differs(task: MemoryTask, service: MemoryService) -> bool:
    return bool(task.template != service.spec["TaskTemplate"])


def _without_time(act: Callable[..., None], *args: Any) -> None:
    """Do something with these, the last of which is the moment."""
    act(*args[:-1])
