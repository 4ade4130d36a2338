"""A request is judged by the record that the transaction reads."""

from dataclasses import replace

import pytest

from rtmanager.domain.errors import Conflict, ErrorCode, InvalidRequest, NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import OperationKind, Outcome, Predecessor
from rtmanager.domain.operations.admission import RuleCheck
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.operation_journal import Admission, Ledger
from rtmanager.domain.runtime import RuntimeRecord
from tests.builders import NOON, make_job, make_record, make_request
from tests.unit.domain.observed import EXITED, OLD, STOPPED, container
from tests.unit.domain.world import OTHER


def check(
    kind: OperationKind,
    record: RuntimeRecord | None,
    current: Current | None = None,
    *,
    image_ref: str | None = "galaxy/game:1.4.7",
) -> RuleCheck:
    """Return a rule that judges a request by this record."""
    request = make_request(kind=kind, image_ref=image_ref)
    return RuleCheck(request, record, current or Current(), healthy=True, at=NOON)


def admitted(by: RuleCheck, namesake: GameId | None = None) -> Admission:
    """Return the admission by the same record that was observed."""
    return by(Ledger(by.expected, namesake))


def test_admitted_request_names_its_predecessor() -> None:
    """The predecessor has its container, whether its engine ran, and its health."""
    by = check(OperationKind.RESTART, make_record(), Current(container()))

    assert admitted(by) == Admission(
        predecessor=Predecessor(container_id=OLD, ran=True, healthy=True)
    )


@pytest.mark.parametrize("kind", [OperationKind.STOP, OperationKind.RECONCILE_DISPOSE])
def test_operation_that_replaces_nothing_has_no_predecessor(kind: OperationKind) -> None:
    """An operation that replaces nothing has nothing to restore."""
    assert admitted(check(kind, make_record(), Current(container()))) == Admission()


def test_replay_is_finished_at_once_with_the_record() -> None:
    """A job's result is written in the same transaction."""
    by = check(OperationKind.START, make_record(), Current(container()))
    by = replace(by, request=make_job())

    admission = admitted(by)

    assert admission.completion is not None
    assert admission.completion.outcome is Outcome.SUCCESS
    assert admission.completion.cause is not None
    assert admission.completion.cause.code is ErrorCode.REPLAY_NO_OP
    assert admission.completion.record == make_record()
    assert len(admission.messages) == 1
    assert by.refusal is None


def test_refusal_is_finished_at_once_and_kept_for_the_caller() -> None:
    """The row and the caller get the same refusal."""
    by = check(OperationKind.START, make_record(), Current(container()), image_ref=OTHER)

    admission = admitted(by)

    assert admission.completion is not None
    assert admission.completion.outcome is Outcome.FAILURE
    assert isinstance(by.refusal, Conflict)


def test_record_that_is_not_the_observed_one_is_not_judged() -> None:
    """When another process has changed the record meanwhile, nothing is written."""
    by = check(OperationKind.START, make_record(), Current(container()))

    with pytest.raises(LeaseLost):
        by(Ledger(STOPPED))


def test_request_on_a_game_never_started_is_not_found() -> None:
    """Every request but a start is not found for a game that was never started."""
    for kind in (OperationKind.STOP, OperationKind.RESTART, OperationKind.PATCH):
        by = check(kind, None)
        admitted(by)
        assert isinstance(by.refusal, NotFound), kind


def test_trap_ids_differ_by_case() -> None:
    """Only a first start is refused; a game that has a record is still served."""
    twin = GameId("CHESS-7")
    first = check(OperationKind.START, None)

    admitted(first, twin)

    assert isinstance(first.refusal, InvalidRequest)
    old = check(OperationKind.START, STOPPED, Current(container(status=EXITED)))
    assert admitted(old, twin).completion is None


def test_refusal_or_replay_is_known_before_docker_is_called() -> None:
    """A patch that is refused or is a replay does not probe the old engine."""
    running = Current(container())

    assert check(
        OperationKind.PATCH, make_record(), running, image_ref="g/g:1.4.8"
    ).would_be_admitted()
    assert not check(OperationKind.PATCH, make_record(), running).would_be_admitted()
    assert not check(
        OperationKind.PATCH, make_record(), running, image_ref=OTHER
    ).would_be_admitted()
