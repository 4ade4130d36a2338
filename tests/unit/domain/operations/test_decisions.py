"""The decisions of operations that replace nothing, and the rules for every kind."""

from dataclasses import replace

import pytest

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, ContainerStatus
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import (
    Action,
    ActionName,
    Operation,
    OperationKind,
    Outcome,
    StepResult,
)
from rtmanager.domain.operations import cleanup_container, reconcile_runtime, stop_runtime
from rtmanager.domain.operations.decision import MAX_ATTEMPTS, RollBack, remove, stop
from rtmanager.domain.operations.kinds import KINDS, MAX_LOST, decide
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.runtime import RuntimeStatus
from tests.builders import make_record, make_request
from tests.unit.domain.observed import (
    EXITED,
    FENCE,
    LATER,
    OLD,
    OTHER,
    PARKED,
    RUNNING,
    STOPPED,
    after,
    backward,
    container,
    operation,
    other,
    seen,
)

STOP = operation(OperationKind.STOP)
CLEANUP = operation(OperationKind.CLEANUP_CONTAINER)


def about(kind: OperationKind, container_id: str) -> Operation:
    """Return a reconciliation of this container."""
    return operation(kind, request=make_request(kind=kind, container_id=container_id))


def completed(decision: object) -> Completion:
    """Return the completion; the decision must be a success."""
    assert isinstance(decision, Completion)
    assert decision.outcome is Outcome.SUCCESS
    return decision


def rolled_back(decision: object) -> RollBack:
    """Return the rollback; the decision must be one."""
    assert isinstance(decision, RollBack)
    return decision


def test_stop_stops_the_records_container_by_its_id() -> None:
    """The stop uses the id, as the name may have changed."""
    assert stop_runtime.decide(STOP, seen(current=container(name="renamed"))) == stop(OLD)


@pytest.mark.parametrize(
    ("current", "status", "found"),
    [
        (container(status=EXITED, exit_code=143), RuntimeStatus.STOPPED, "exit code 143"),
        (None, RuntimeStatus.REMOVED, "the container was gone"),
    ],
)
def test_stop_is_done_when_nothing_runs(
    current: ContainerDetails | None, status: RuntimeStatus, found: str
) -> None:
    """A stop succeeds however the engine ended, and reports no loss."""
    completion = completed(stop_runtime.decide(STOP, seen(current=current)))

    assert completion.record is not None
    assert (completion.record.status, completion.record.fence) == (status, FENCE)
    assert (completion.details, completion.events) == ({"found": found}, ())


def test_stop_in_doubt_is_sent_again() -> None:
    """A repeated stop joins the one in progress and waits for its end."""
    doubtful = after(STOP, stop(OLD), StepResult.UNKNOWN, times=9)

    assert stop_runtime.decide(doubtful, seen(current=container())) == stop(OLD)


def test_stop_that_is_refused_or_reverted_is_rolled_back() -> None:
    """The cause has Docker's message, or says that the engine was started again."""
    refused = after(STOP, stop(OLD), StepResult.REFUSED)
    reverted = after(STOP, stop(OLD), times=MAX_ATTEMPTS)
    found = seen(current=container())

    assert rolled_back(stop_runtime.decide(refused, found)).cause.message == "500 Server Error"
    assert (
        "started the engine again"
        in rolled_back(stop_runtime.decide(reverted, found)).cause.message
    )


def test_cleanup_removes_the_records_container_last() -> None:
    """While another container is left, a cleanup can be repeated."""
    old = container(status=EXITED)
    found = seen(record=STOPPED, current=old, others=[other()])

    assert cleanup_container.decide(CLEANUP, found) == remove(OTHER)
    assert cleanup_container.decide(CLEANUP, seen(record=STOPPED, current=old)) == remove(OLD)
    completion = completed(cleanup_container.decide(CLEANUP, seen(record=STOPPED)))
    assert completion.record is not None
    assert completion.record.status is RuntimeStatus.REMOVED


@pytest.mark.parametrize(
    "found",
    [
        seen(record=STOPPED, current=container()),
        seen(record=STOPPED, current=container(status=EXITED), others=[other(status=RUNNING)]),
    ],
)
def test_trap_cleanup_kills_a_running_engine(found: Observation) -> None:
    """A running container of the game was started by someone else, which is a conflict."""
    decision = rolled_back(cleanup_container.decide(CLEANUP, found))

    assert decision.cause.code is ErrorCode.CONFLICT


def test_disposal_records_the_loss() -> None:
    """The record's container is gone, so nothing is removed."""
    disposal = about(OperationKind.RECONCILE_DISPOSE, OLD)

    completion = completed(reconcile_runtime.dispose(disposal, seen()))

    assert completion.record is not None
    assert completion.record.status is RuntimeStatus.REMOVED
    assert [each.event_type.value for each in completion.events] == ["container_disappeared"]


def test_disposal_never_touches_the_records_container() -> None:
    """A record's container that is there again is only recorded as observed."""
    disposal = about(OperationKind.RECONCILE_DISPOSE, OLD)

    completion = completed(reconcile_runtime.dispose(disposal, seen(current=container())))

    assert completion.record == make_record()


def test_stale_container_is_stopped_then_removed() -> None:
    """The record does not change."""
    disposal = about(OperationKind.RECONCILE_DISPOSE, OTHER)
    old = container()

    assert reconcile_runtime.dispose(
        disposal, seen(current=old, others=[other(status=RUNNING)])
    ) == stop(OTHER)
    assert reconcile_runtime.dispose(disposal, seen(current=old, others=[other()])) == remove(OTHER)
    completion = completed(reconcile_runtime.dispose(disposal, seen(current=old)))
    assert completion.record == make_record()


def test_adoption_gives_the_name_back_before_it_adopts() -> None:
    """The engine is renamed first, because others reach it only by its name."""
    adoption = about(OperationKind.RECONCILE_ADOPT, OLD)
    found = seen(record=STOPPED, current=container(name=PARKED))

    assert reconcile_runtime.adopt(adoption, found) == Action(ActionName.UNPARK, OLD)


def test_trap_adoption_interrupted() -> None:
    """An adoption never removes or stops anything, not even in its rollback."""
    for status in ContainerStatus:
        for name in (container().name, PARKED):
            found = seen(record=STOPPED, current=container(status=status, name=name))
            adoption = about(OperationKind.RECONCILE_ADOPT, OLD)

            forward = reconcile_runtime.adopt(adoption, found)
            back = reconcile_runtime.adopt(backward(request=adoption.request), found)

            assert not isinstance(forward, Action) or forward.name is ActionName.UNPARK
            assert isinstance(back, Completion)


def test_adoption_of_what_has_vanished_or_exited_is_a_conflict() -> None:
    """The container changed before it was adopted; the next observation decides."""
    adoption = about(OperationKind.RECONCILE_ADOPT, OTHER)
    exited = other(name=container().name)

    for found in (seen(record=STOPPED), seen(record=STOPPED, others=[exited])):
        assert (
            rolled_back(reconcile_runtime.adopt(adoption, found)).cause.code is ErrorCode.CONFLICT
        )


def test_adopted_record_is_what_the_container_shows() -> None:
    """A container without an image label is adopted without an image reference."""
    adoption = about(OperationKind.RECONCILE_ADOPT, OLD)
    engine = container(labels={}, started_at=LATER, state_path="/mnt/g")

    completion = completed(reconcile_runtime.adopt(adoption, seen(record=STOPPED, current=engine)))

    record = completion.record
    assert record is not None
    assert (record.status, record.current_image_ref) == (RuntimeStatus.RUNNING, None)
    assert (record.started_at, record.state_path) == (LATER, "/mnt/g")
    assert [each.event_type.value for each in completion.events] == ["container_started"]


@pytest.mark.parametrize("kind", list(OperationKind))
def test_operation_that_lost_three_processes_is_rolled_back(kind: OperationKind) -> None:
    """This holds for every kind, unless the operation is in its rollback already."""
    found = seen(current=container())
    doomed = replace(operation(kind), lost=MAX_LOST)

    decision = rolled_back(decide(doomed, found))
    assert decision.cause.code is ErrorCode.INTERNAL_ERROR
    assert "3 processes died" in decision.cause.message
    spared = decide(replace(doomed, lost=MAX_LOST - 1), found)
    assert not isinstance(spared, RollBack) or spared.cause.code is not ErrorCode.INTERNAL_ERROR


@pytest.mark.parametrize("kind", list(OperationKind))
def test_operation_that_lost_six_processes_ends(kind: OperationKind) -> None:
    """It ends with its first cause and the true record, whatever could not be restored."""
    doomed = backward(request=make_request(kind=kind), lost=2 * MAX_LOST)

    decision = decide(doomed, seen(current=container(name=PARKED, status=EXITED)))

    assert isinstance(decision, Completion)
    assert decision.outcome is Outcome.FAILURE


def test_every_kind_has_its_rule_and_decision() -> None:
    """Every kind is listed, and exactly three replace a container."""
    assert set(KINDS) == set(OperationKind)
    assert {kind for kind, each in KINDS.items() if each.replaces} == {
        OperationKind.START,
        OperationKind.RESTART,
        OperationKind.PATCH,
    }
