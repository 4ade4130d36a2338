import pytest

from rtmanager.domain.insight.read_workers import SILENT_AFTER, lag
from rtmanager.domain.ports.replicas import ReplicaState, SeenReplica, WorkerState
from tests.builders import NOON


def seen(age: float) -> SeenReplica:
    """Return a replica that said something so many seconds ago."""
    state = ReplicaState(id="a", host="vm", version="1", started_at=NOON)
    return SeenReplica(state=state, seen_at=NOON, age=age, is_leader=True)


@pytest.mark.parametrize(
    ("due_in", "age", "late"),
    [
        (None, 0.0, None),
        (None, 60.0, None),
        (12.0, 1.0, 0.0),
        (0.5, 2.0, 0.0),
        (-3.5, 1.0, 3.5),
        (20.0, SILENT_AFTER + 20.0, 10.0),
        (-5.0, 60.0, 65.0),
    ],
)
def test_lag_is_what_is_due_and_not_done(
    due_in: float | None, age: float, late: float | None
) -> None:
    """A replica that has said nothing for long has done nothing either."""
    assert lag(WorkerState(name="probe", due_in=due_in), seen(age)) == late
