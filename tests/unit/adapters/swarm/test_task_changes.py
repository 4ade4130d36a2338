"""What is reported of tasks: only what has happened since they were looked at last."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rtmanager.adapters.swarm.task_changes import TaskChanges
from rtmanager.adapters.swarm.task_json import Task

NOW = 100.0


def task(state: str, *, at: float = 50.0, created: float = 40.0, **status: Any) -> Task:
    """Return the task of a game in a state since a time."""
    times = [datetime.fromtimestamp(each, UTC).isoformat() for each in (created, at)]
    about = {"ID": "t", "ServiceID": "s", "CreatedAt": times[0], "UpdatedAt": times[1]}
    container = {"ContainerID": "c", "ExitCode": status.pop("code", 0)}
    shown = {"State": state, "Timestamp": times[1], "ContainerStatus": container, **status}
    labels = {"Labels": {"com.galaxy.game_id": "abc"}}
    return Task.read(
        {**about, "Status": shown, "DesiredState": "running", "Spec": {"ContainerSpec": labels}}
    )


def seen(*tasks: Task, since: float = NOW) -> TaskChanges:
    """Return what has looked at these tasks."""
    changes = TaskChanges({}, since)
    changes.begin(tasks)
    return changes


def told(changes: TaskChanges, *tasks: Task) -> list[tuple[str, float, int | None]]:
    """Return what is reported when the tasks are these now."""
    return [(each.action, each.at, each.exit_code) for each in changes.to(tasks, NOW + 9)]


def test_what_has_not_changed_is_not_reported() -> None:
    """However often it is looked at."""
    changes = seen(task("running"))

    assert told(changes, task("running")) == []
    assert told(changes, task("running")) == []


def test_start_and_end_are_reported_once_with_their_own_times() -> None:
    """The end with its exit code."""
    changes = seen(task("starting"))

    assert told(changes, task("running", at=101)) == [("start", 101, None)]
    assert told(changes, task("failed", at=103, code=3)) == [("die", 103, 3)]
    assert told(changes, task("failed", at=103, code=3)) == []


def test_engine_that_started_and_ended_between_two_looks_has_done_both() -> None:
    """Its task is seen for the first time when it has ended."""
    assert told(seen(), task("failed", at=103, code=3)) == [("start", 103, None), ("die", 103, 3)]


def test_refused_task_has_not_started() -> None:
    """It only has ended."""
    refused = task("rejected", at=103, Err="No such image: x")

    assert [each[0] for each in told(seen(task("preparing")), refused)] == ["die"]


def test_task_that_is_gone_has_ended_nobody_knows_how() -> None:
    """Swarm forgets the tasks of what was scaled to none."""
    changes = seen(task("running"))
    list(changes.to([task("running")], NOW))

    assert told(changes) == [("die", NOW + 9, None)]


@pytest.mark.parametrize(
    ("task", "actions"),
    [
        (task("running", at=50), []),
        (task("running", at=70), ["start"]),
        (task("failed", at=70, created=40), ["die"]),
        (task("failed", at=70, created=60), ["start", "die"]),
    ],
)
def test_what_happened_since_the_last_stream_is_made_up_for(task: Task, actions: list[str]) -> None:
    """As far as the tasks still show it: here since the time 55."""
    changes = seen(task, since=55.0)

    assert [each.action for each in changes.to([task], NOW)] == actions


def test_removal_ends_what_runs() -> None:
    """The end of its task is not reported again."""
    changes = seen(task("running"))
    list(changes.to([task("running")], NOW))

    actions = [each.action for each in changes.removed("s", NOW)]

    assert actions == ["die", "destroy"]
    assert told(changes) == []
