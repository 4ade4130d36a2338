"""What has happened to tasks between two looks at them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_events import ContainerEvent


@dataclass(slots=True)
class TaskChanges:
    """The tasks as they were seen last, and the games of their services.

    Whoever begins does so as if it had looked at the time `since`, as far as Swarm still shows what
    has happened since.
    """

    games: dict[str, str]
    since: float
    _tasks: Mapping[str, Task] = field(default_factory=dict)
    _removed: set[str] = field(default_factory=set)

    def begin(self, tasks: Iterable[Task]) -> None:
        """Take the tasks for seen as they were at that time."""
        past = (self._as_it_was(task) for task in tasks)
        self._tasks = {task.id: task for task in past if task is not None}

    def to(self, tasks: Iterable[Task], at: float) -> Iterator[ContainerEvent]:
        """Go on to what the tasks are now, and yield what has happened since.

        A task that is gone has ended; Swarm did not show how.
        """
        before, self._tasks = self._tasks, {task.id: task for task in tasks}
        for task in self._tasks.values():
            self._learn_game(task)
            yield from self._between(before.get(task.id), task)
        for gone in before.keys() - self._tasks.keys():
            if not before[gone].has_ended:
                yield from self._told(before[gone], "die", at)

    def removed(self, service: str, at: float) -> Iterator[ContainerEvent]:
        """Yield what the removal of a service means; its engine is being ended."""
        for task in self._tasks.values():
            if task.service == service and task.state == "running":
                yield from self._told(task, "die", at)
        game_id = self.games.pop(service, None)
        if game_id is not None:
            yield ContainerEvent(game_id, ContainerId(service), "destroy", at)
        self._removed.add(service)

    def _as_it_was(self, task: Task) -> Task | None:
        """Return the task as it was at the time that this begins with; None if there was none."""
        if task.status_at.timestamp() < self.since:
            return task
        if not task.has_ended or task.created_at.timestamp() >= self.since:
            return None
        return replace(task, state="running")

    def _between(self, before: Task | None, now: Task) -> Iterator[ContainerEvent]:
        had_started = before is not None and before.was_started
        had_ended = before is not None and before.has_ended
        if now.was_started and not had_started:
            yield from self._told(now, "start", now.status_at.timestamp())
        if now.has_ended and not had_ended:
            yield from self._told(now, "die", now.status_at.timestamp())

    def _told(self, task: Task, action: str, at: float) -> Iterator[ContainerEvent]:
        game_id = self.games.get(task.service)
        if game_id is not None and task.service not in self._removed:
            code = task.exit_code if action == "die" and task.has_ended else None
            yield ContainerEvent(game_id, ContainerId(task.service), action, at, exit_code=code)

    def _learn_game(self, task: Task) -> None:
        if task.game_id is not None and task.service not in self._removed:
            self.games[task.service] = task.game_id
