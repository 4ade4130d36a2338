"""The rollback decision of start, restart and patch: the next action in each state."""

from dataclasses import replace

import pytest

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, ContainerStatus
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import Action, ActionName, Operation, Predecessor, StepResult
from rtmanager.domain.operations.decision import remove, stop
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rollback import MAX_TRIES, failed, roll_back
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.builders import GAME, make_cause, make_record
from tests.unit.domain.observed import (
    EXITED,
    FENCE,
    NAME,
    NEW,
    OLD,
    OTHER,
    PARKED,
    RUNNING,
    STOPPED,
    after,
    backward,
    container,
    new,
    other,
    seen,
)
from tests.unit.domain.watch import labels_of

START = Action(ActionName.START, OLD, PARKED)
UNPARK = Action(ActionName.UNPARK, OLD, PARKED)
SET_ASIDE = Action(ActionName.SET_ASIDE, NEW)
DID_NOT_RUN = Predecessor(container_id=OLD, ran=False)


def ended(before: Operation, found: Observation) -> Completion:
    """Return the completion; nothing may be left to restore."""
    completion = roll_back(before, found)
    assert isinstance(completion, Completion)
    return completion


def test_new_container_goes_first() -> None:
    """The new container is removed first: it has the name, and two engines must never run."""
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(), seen(current=old, new=new(status=RUNNING))) == stop(NEW)
    assert roll_back(backward(), seen(current=old, new=new(status=EXITED))) == remove(NEW)


def test_old_engine_that_ran_is_started_and_gets_its_name_back() -> None:
    """Both actions use the parked name, so that a late call finds nothing."""
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(), seen(current=old)) == START
    assert roll_back(backward(), seen(current=container(name=PARKED))) == UNPARK
    assert roll_back(after(backward(), START), seen(current=container(name=PARKED))) == UNPARK


def test_old_engine_that_did_not_run_is_not_started() -> None:
    """It only gets its name back."""
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(predecessor=DID_NOT_RUN), seen(current=old, record=STOPPED)) == UNPARK


def test_old_engine_that_was_not_touched_is_left_alone() -> None:
    """The operation was rolled back before it had parked anything."""
    completion = ended(backward(), seen(current=container()))

    assert completion.record == make_record()
    assert completion.events == []


def test_trap_slow_stop_cut_off() -> None:
    """A stop in doubt would still end the old engine, so it is repeated before the start."""
    halt = stop(OLD, PARKED)
    doubtful = after(backward(), halt, StepResult.UNKNOWN)
    running = seen(current=container(name=PARKED))

    assert roll_back(doubtful, running) == halt
    halted = after(doubtful, halt)
    assert roll_back(halted, seen(current=container(name=PARKED, status=EXITED))) == START
    assert roll_back(after(halted, START), running) == UNPARK


def test_engine_that_a_late_stop_ended_is_started_again() -> None:
    """An old engine that our own late stop has ended is parked and started again."""
    halt = stop(OLD, PARKED)
    late = after(after(backward(), halt, StepResult.UNKNOWN), UNPARK)

    assert roll_back(late, seen(current=container(status=EXITED))) == Action(ActionName.PARK, OLD)


def test_old_engine_that_docker_does_not_start_keeps_its_name() -> None:
    """Parking it once more would not help."""
    given_up = after(after(backward(), stop(OLD, PARKED)), START, StepResult.REFUSED, MAX_TRIES)

    completion = ended(after(given_up, UNPARK), seen(current=container(status=EXITED)))

    assert completion.record is not None
    assert completion.record.status is RuntimeStatus.STOPPED


def test_engine_whose_stop_is_refused_in_the_rollback_is_recorded_as_running() -> None:
    """An engine that Docker does not stop still runs, and the record says so."""
    halt = stop(OLD, PARKED)
    doubtful = after(backward(), halt, StepResult.UNKNOWN)
    refused = after(doubtful, halt, StepResult.REFUSED, times=MAX_TRIES)

    assert roll_back(refused, seen(current=container(name=PARKED))) == UNPARK


def test_new_container_that_docker_does_not_remove_is_set_aside() -> None:
    """After its last attempt it is renamed, so that the old engine gets its name."""
    found = seen(current=container(name=PARKED), new=new(status=EXITED))
    refused = after(backward(), remove(NEW), StepResult.REFUSED)

    assert roll_back(refused, found) == remove(NEW)
    given_up = after(backward(), remove(NEW), StepResult.REFUSED, times=MAX_TRIES)
    assert roll_back(given_up, found) == SET_ASIDE
    aside = seen(current=container(name=PARKED), new=new(status=EXITED, name="aside"))
    assert roll_back(after(given_up, SET_ASIDE), aside) == UNPARK


def test_new_container_of_a_first_start_is_not_set_aside() -> None:
    """Nobody needs its name, and the reconciler removes it."""
    given_up = after(backward(predecessor=None), remove(NEW), StepResult.REFUSED, times=MAX_TRIES)

    completion = ended(given_up, seen(record=None, new=new(status=EXITED)))

    assert completion.record is None


def test_trap_refused_on_the_way_back() -> None:
    """Every rollback ends, with the true state, whatever Docker keeps refusing."""
    old = container(name=PARKED, status=EXITED)
    before = backward()
    for action in (START, UNPARK):
        before = after(before, action, StepResult.REFUSED, times=MAX_TRIES)

    completion = ended(before, seen(current=old))

    assert completion.record is not None
    assert completion.record.status is RuntimeStatus.STOPPED
    assert completion.cause is not None
    assert "the game is stopped now" in completion.cause.message


def test_old_engine_is_not_started_beside_another() -> None:
    """If the new engine cannot be stopped the old one is not started."""
    old = container(name=PARKED, status=EXITED)
    before = after(backward(), stop(NEW), StepResult.REFUSED, times=MAX_TRIES)

    assert roll_back(before, seen(current=old, new=new(status=RUNNING))) == UNPARK


@pytest.mark.parametrize(
    ("left", "action"),
    [
        (other(name=NAME), remove(OTHER)),
        (other(name=NAME, status=RUNNING), stop(OTHER)),
        (other(status=RUNNING), stop(OTHER)),
        (other(), START),
    ],
    ids=["has the name", "has the name and runs", "runs", "is in nobody's way"],
)
def test_only_what_blocks_the_old_engine_is_removed(left: ContainerDetails, action: Action) -> None:
    """Only containers that block its name or run are dealt with; the rest is drift."""
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(), seen(current=old, others=[left])) == action


def test_others_of_a_game_without_a_container_are_left_alone() -> None:
    """Without a predecessor only what the operation created is removed."""
    completion = ended(
        backward(predecessor=None), seen(record=None, others=[other(status=RUNNING, name=NAME)])
    )

    assert completion.record is None


def test_first_cause_is_reported_with_what_runs() -> None:
    """The record is as it was, container id included."""
    completion = ended(backward(), seen(current=container()))

    assert completion.cause == make_cause(
        message="the engine exited with code 1; galaxy/game:1.4.7 runs as before"
    )


@pytest.mark.parametrize(
    ("record", "current", "words"),
    [
        (make_record(current_image_ref=None), container(), "the engine runs as before"),
        (STOPPED, container(status=EXITED), "the game is stopped as before"),
        (make_record(), container(status=EXITED), "the game is stopped now"),
        (make_record(), None, "the game is removed now"),
        (make_record(), container(status=ContainerStatus.REMOVING), "the game is removed now"),
    ],
)
def test_failure_says_what_is_true_now(
    record: RuntimeRecord, current: ContainerDetails | None, words: str
) -> None:
    """Record and message show the state at the end of the rollback."""
    completion = failed(backward(), seen(record=record, current=current))

    assert completion.cause is not None
    assert completion.cause.message.endswith(f"; {words}")


def test_loss_that_was_observed_in_the_rollback_is_reported() -> None:
    """An engine that should run and does not is one event."""
    completion = failed(backward(), seen(current=container(status=EXITED, exit_code=9)))

    assert [each.event_type.value for each in completion.events] == ["container_exited"]


def test_failure_of_a_first_start_leaves_no_record() -> None:
    """A game that never ran still has no record."""
    completion = failed(backward(), seen(record=None))

    assert (completion.record, completion.cause) == (None, make_cause())


def test_failure_without_a_cause_is_an_internal_error() -> None:
    """This cannot happen; if it does, no reason is invented."""
    completion = failed(replace(backward(), cause=None), seen(record=None))

    assert completion.cause is not None
    assert completion.cause.code is ErrorCode.INTERNAL_ERROR


def test_engine_of_a_later_operation_is_not_touched() -> None:
    """When a later operation's engine runs, as after a restore, the old one is only renamed."""
    later = other(status=RUNNING, labels=labels_of(GAME, fence=FENCE + 1))
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(), seen(current=old, others=[later])) == UNPARK


def test_old_engine_that_exited_by_itself_is_left_where_it_is() -> None:
    """An exit that we did not cause is reported, and the engine is not restarted."""
    completion = ended(backward(), seen(current=container(status=EXITED)))

    assert completion.record is not None
    assert completion.record.status is RuntimeStatus.STOPPED
    assert [each.event_type.value for each in completion.events] == ["container_exited"]
