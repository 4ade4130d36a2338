"""Every rule by which a game counts as drifted."""

from datetime import timedelta

import pytest

from rtmanager.domain.container import ContainerStatus, EngineContainer, parked_name
from rtmanager.domain.operation import Fence, Operation, OperationKind
from rtmanager.domain.reconciliation.drift import Drift, DriftKind, GameView, find_drift
from rtmanager.domain.runtime import RuntimeRecord
from tests.builders import GAME, NOON, make_record, make_request
from tests.unit.domain.observed import EXITED, OLD, OTHER, STOPPED, container

GRACE = 60.0
NOW = NOON + timedelta(hours=1)


def drifts(
    record: RuntimeRecord | None, *containers: EngineContainer, operation: Operation | None = None
) -> list[Drift]:
    """Return how the game has drifted."""
    view = GameView(game_id=GAME, record=record, containers=containers, open_operation=operation)
    return list(find_drift(view, now=NOW, grace=GRACE))


def kinds(found: list[Drift]) -> list[DriftKind]:
    """Return only the kinds of drift."""
    return [each.kind for each in found]


REMOVED = make_record().removed(fence=Fence(2), at=NOON)


@pytest.mark.parametrize(
    ("record", "containers"),
    [
        (make_record(), [container()]),
        (make_record(), [container(status=ContainerStatus.PAUSED)]),
        (STOPPED, [container(status=EXITED)]),
        (STOPPED, [container(status=ContainerStatus.CREATED)]),
        (REMOVED, []),
        (None, []),
    ],
)
def test_agreement_is_no_drift(
    record: RuntimeRecord | None, containers: list[EngineContainer]
) -> None:
    """A record that agrees with Docker is no drift."""
    assert drifts(record, *containers) == []


def test_open_operation_comes_alone() -> None:
    """While an operation is open no other drift is reported."""
    operation = Operation(id=Fence(7), request=make_request(), started_at=NOON)

    (found,) = drifts(make_record(), container(status=EXITED), operation=operation)

    assert found.kind is DriftKind.OPEN_OPERATION
    assert "operation 7 (start)" in found.sentence


@pytest.mark.parametrize("record", [None, STOPPED, REMOVED])
def test_engine_that_runs_unrecorded_is_adopted(record: RuntimeRecord | None) -> None:
    """A running container with the game's name is adopted."""
    (found,) = drifts(record, container())

    assert (found.kind, found.container_id) == (DriftKind.ADOPT, OLD)


def test_engine_in_the_place_of_a_dead_one_is_adopted() -> None:
    """A running container with the game's name is adopted when the record's does not run."""
    dead = container(status=EXITED, name="renamed")

    found = drifts(make_record(), dead, container(id=OTHER))

    assert kinds(found) == [DriftKind.ADOPT, DriftKind.STALE_CONTAINER]
    assert [each.container_id for each in found] == [OTHER, OLD]


def test_second_engine_beside_a_running_one_is_not_adopted() -> None:
    """Beside the record's running engine every other container is stale."""
    mine = container(name="renamed by somebody")

    found = drifts(make_record(), mine, container(id=OTHER))

    assert kinds(found) == [DriftKind.MISNAMED, DriftKind.STALE_CONTAINER]
    assert found[1].container_id == OTHER


def test_running_engine_with_another_name_is_not_adopted() -> None:
    """A parked engine that someone started is stale, because the record names another."""
    parked = container(id=OTHER, name=parked_name(GAME, Fence(3)))

    assert kinds(drifts(STOPPED, container(status=EXITED), parked)) == [DriftKind.STALE_CONTAINER]


def test_trap_engine_without_a_record_is_removed_for_its_name() -> None:
    """A running engine without a record is adopted and renamed."""
    renamed = container(name="renamed by somebody")

    assert kinds(drifts(None, renamed)) == [DriftKind.ADOPT]


@pytest.mark.parametrize("record", [make_record(), STOPPED])
def test_record_whose_container_is_gone_is_disposed_of(record: RuntimeRecord) -> None:
    """A running or stopped game whose container is gone becomes removed."""
    (found,) = drifts(record)

    assert (found.kind, found.container_id) == (DriftKind.DISPOSE, OLD)


@pytest.mark.parametrize("record", [make_record(), STOPPED])
def test_container_that_docker_is_removing_is_gone(record: RuntimeRecord) -> None:
    """A container being removed is neither an exit nor something to remove again."""
    leaving = container(status=ContainerStatus.REMOVING)

    assert kinds(drifts(record, leaving)) == [DriftKind.DISPOSE]
    assert drifts(None, leaving) == []


def test_container_that_docker_is_removing_needs_no_name() -> None:
    """A container being removed is not misnamed as well."""
    leaving = container(status=ContainerStatus.REMOVING, name=parked_name(GAME, Fence(3)))

    assert kinds(drifts(make_record(), leaving)) == [DriftKind.DISPOSE]


@pytest.mark.parametrize("status", [EXITED, ContainerStatus.CREATED, ContainerStatus.DEAD])
def test_exit_of_a_running_game_is_observed(status: ContainerStatus) -> None:
    """A container that does not run while its record says so is an exit."""
    (found,) = drifts(make_record(), container(status=status))

    assert (found.kind, found.container_id) == (DriftKind.OBSERVED_EXIT, OLD)


def test_container_that_lost_its_name_is_misnamed() -> None:
    """The record's container must have its game's name, whatever its state."""
    (found,) = drifts(STOPPED, container(status=EXITED, name=parked_name(GAME, Fence(3))))

    assert (found.kind, found.container_id) == (DriftKind.MISNAMED, OLD)


@pytest.mark.parametrize(
    ("age", "expected"),
    [(GRACE - 0.001, []), (GRACE, [DriftKind.STALE_CONTAINER])],
)
def test_trap_reaper_spares_fresh_and_foreign(age: float, expected: list[DriftKind]) -> None:
    """A container of no operation is left alone for the grace period."""
    fresh = container(id=OTHER, name="x", status=EXITED, created_at=NOW - timedelta(seconds=age))

    assert kinds(drifts(make_record(), container(), fresh)) == expected


def test_grace_does_not_delay_the_truth() -> None:
    """The grace period delays only removals, not losses or adoptions."""
    assert kinds(drifts(make_record(), container(status=EXITED, created_at=NOW))) == [
        DriftKind.OBSERVED_EXIT
    ]
    assert kinds(drifts(None, container(created_at=NOW))) == [DriftKind.ADOPT]


def test_operation_kind_is_in_the_sentence() -> None:
    """The message names the kind of the open operation."""
    request = make_request(kind=OperationKind.PATCH)
    operation = Operation(id=Fence(9), request=request, started_at=NOON)

    (found,) = drifts(None, operation=operation)

    assert "patch" in found.sentence
