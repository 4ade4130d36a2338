from dataclasses import replace
from datetime import timedelta

import pytest

from rtmanager.domain.container import ContainerDetails, ContainerStatus
from rtmanager.domain.health import HealthEventType, loss_event
from rtmanager.domain.operation import Fence
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus, as_observed
from tests.builders import NOON, make_record
from tests.unit.domain.observed import container

LATER = NOON + timedelta(minutes=5)
ENDED = LATER - timedelta(minutes=1)
FENCE = Fence(9)


def seen(status: ContainerStatus, *, oom: bool = False, exit_code: int = 0) -> ContainerDetails:
    """Return an observation of the record's container, which ended a minute ago if at all."""
    ended = None if status is ContainerStatus.RUNNING else ENDED
    return container(status=status, oom_killed=oom, exit_code=exit_code, finished_at=ended)


def stopped() -> RuntimeRecord:
    """Return the record of a stopped game."""
    return replace(make_record(), status=RuntimeStatus.STOPPED, stopped_at=NOON)


@pytest.mark.parametrize(
    "status", [ContainerStatus.RUNNING, ContainerStatus.PAUSED, ContainerStatus.RESTARTING]
)
def test_running_record_whose_process_is_there_is_left_alone(status: ContainerStatus) -> None:
    """Running, paused or restarting: the same record object is returned."""
    record = make_record()

    assert as_observed(record, seen(status), fence=FENCE, at=LATER) is record
    assert loss_event(record, seen(status), at=LATER) is None


@pytest.mark.parametrize(
    "status", [ContainerStatus.EXITED, ContainerStatus.DEAD, ContainerStatus.CREATED]
)
def test_running_record_whose_process_is_gone_becomes_stopped(status: ContainerStatus) -> None:
    """The container stays in the record, with the container's own end time."""
    record = as_observed(make_record(), seen(status), fence=FENCE, at=LATER)

    assert record.status is RuntimeStatus.STOPPED
    assert record.current_container_id == make_record().current_container_id
    assert (record.stopped_at, record.last_op_at, record.fence) == (ENDED, LATER, FENCE)


@pytest.mark.parametrize("record", [make_record(), stopped()], ids=["running", "stopped"])
def test_record_whose_container_is_gone_becomes_removed(record: RuntimeRecord) -> None:
    """Container, image and endpoint become null; created_at and the state path stay."""
    after = as_observed(record, None, fence=FENCE, at=LATER)

    assert after.status is RuntimeStatus.REMOVED
    assert (after.current_container_id, after.current_image_ref) == (None, None)
    assert (after.image_id, after.engine_endpoint) == (None, None)
    assert after.removed_at == LATER
    assert after.stopped_at == (LATER if record.status is RuntimeStatus.RUNNING else NOON)
    assert (after.created_at, after.state_path) == (record.created_at, record.state_path)


def test_end_that_docker_does_not_date_is_the_moment_of_observation() -> None:
    """Docker has no end time for a container that was never started."""
    undated = container(status=ContainerStatus.DEAD)

    record = as_observed(make_record(), undated, fence=FENCE, at=LATER)
    event = loss_event(make_record(), undated, at=LATER)

    assert record.stopped_at == LATER
    assert event is not None
    assert event.occurred_at == LATER


def test_removed_record_stays_as_it_is() -> None:
    """There is nothing to observe of a removed game."""
    record = make_record().removed(fence=Fence(2), at=NOON)

    assert as_observed(record, None, fence=FENCE, at=LATER) is record


@pytest.mark.parametrize(
    ("observed", "event_type", "details"),
    [
        (None, HealthEventType.CONTAINER_DISAPPEARED, {}),
        (
            seen(ContainerStatus.EXITED, exit_code=3),
            HealthEventType.CONTAINER_EXITED,
            {"exit_code": 3, "oom": False},
        ),
        (
            seen(ContainerStatus.EXITED, oom=True, exit_code=137),
            HealthEventType.CONTAINER_OOM,
            {"exit_code": 137},
        ),
    ],
)
def test_loss_of_a_running_engine_is_reported_as_it_was(
    observed: ContainerDetails | None, event_type: HealthEventType, details: dict[str, object]
) -> None:
    """Exit, lack of memory and disappearance are three events, at their own times."""
    event = loss_event(make_record(), observed, at=LATER)

    assert event is not None
    assert (event.event_type, event.details) == (event_type, details)
    assert event.occurred_at == (LATER if observed is None else ENDED)


def test_stopped_record_loses_nothing() -> None:
    """An engine that was stopped on purpose is not reported as lost."""
    assert loss_event(stopped(), seen(ContainerStatus.EXITED), at=LATER) is None


@pytest.mark.parametrize("before", [make_record(), stopped()], ids=["running", "stopped"])
def test_container_that_docker_is_removing_is_as_good_as_gone(before: RuntimeRecord) -> None:
    """Docker says "removing" before the engine has died, and this is never taken for an exit."""
    record = as_observed(before, seen(ContainerStatus.REMOVING), fence=FENCE, at=LATER)

    assert record.status is RuntimeStatus.REMOVED
    assert record.current_container_id is None


def test_engine_that_docker_is_removing_has_disappeared() -> None:
    """Its exit code comes from the removal and says nothing about the engine."""
    event = loss_event(make_record(), seen(ContainerStatus.REMOVING, exit_code=137), at=LATER)

    assert event is not None
    assert (event.event_type, event.details) == (HealthEventType.CONTAINER_DISAPPEARED, {})
