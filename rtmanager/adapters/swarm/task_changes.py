"""What has happened to tasks between two looks at them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_events import ContainerEvent


@dataclass(slots=True)
class TaskChanges:
    """The tasks as they were seen last, and the games that their services belong to."""

    games: dict[str, str]
    tasks: Mapping[str, Task]
    _removed: set[str] = field(default_factory=set)

    def to(self, tasks: Iterable[Task], at: float) -> Iterator[ContainerEvent]:
        """Go on to what the tasks are now, and yield what has happened since.

        A task that is gone has ended; Swarm did not show how.
        """
        before, self.tasks = self.tasks, {task.id: task for task in tasks}
        for task in self.tasks.values():
            self._learn_game(task)
            yield from self._since(before.get(task.id), task, at)
        for gone in before.keys() - self.tasks.keys():
            if not before[gone].has_ended:
                yield from self._told(before[gone], "die", at)

    def removed(self, service: str, at: float) -> Iterator[ContainerEvent]:
        """Yield what the removal of a service means; its engine is being ended."""
        for task in self.tasks.values():
            if task.service == service and task.state == "running":
                yield from self._told(task, "die", at)
        if game_id := self.games.pop(service, None):
            yield ContainerEvent(game_id, ContainerId(service), "destroy", at)
        self._removed.add(service)

    def _since(self, before: Task | None, now: Task, at: float) -> Iterator[ContainerEvent]:
        had_started = before is not None and before.was_started
        had_ended = before is not None and before.has_ended
        if now.was_started and not had_started:
            yield from self._told(now, "start", at)
        if now.has_ended and not had_ended:
            yield from self._told(now, "die", at)

    def _told(self, task: Task, action: str, at: float) -> Iterator[ContainerEvent]:
        game_id = self.games.get(task.service)
        if game_id is not None and task.service not in self._removed:
            code = task.exit_code if action == "die" and task.has_ended else None
            yield ContainerEvent(game_id, ContainerId(task.service), action, at, exit_code=code)

    def _learn_game(self, task: Task) -> None:
        if task.game_id is not None and task.service not in self._removed:
            self.games[task.service] = task.game_id
