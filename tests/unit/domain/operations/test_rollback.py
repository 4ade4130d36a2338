"""The decision of start, restart and patch on the way back: each state and its next action."""

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
    """Return the completion; there must be nothing left to put back."""
    completion = roll_back(before, found)
    assert isinstance(completion, Completion)
    return completion


def test_new_container_goes_first() -> None:
    """It has the name, and two engines never run."""
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(), seen(current=old, new=new(status=RUNNING))) == stop(NEW)
    assert roll_back(backward(), seen(current=old, new=new(status=EXITED))) == remove(NEW)


def test_old_engine_that_ran_is_started_and_gets_its_name_back() -> None:
    """Both by the name that only this operation gives: a late call reaches nothing."""
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(), seen(current=old)) == START
    assert roll_back(backward(), seen(current=container(name=PARKED))) == UNPARK
    assert roll_back(after(backward(), START), seen(current=container(name=PARKED))) == UNPARK


def test_old_engine_that_did_not_run_is_not_started() -> None:
    """It gets its name back, and that is all."""
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(predecessor=DID_NOT_RUN), seen(current=old, record=STOPPED)) == UNPARK


def test_old_engine_that_was_not_touched_is_left_alone() -> None:
    """The operation was turned back before it had parked anything."""
    completion = ended(backward(), seen(current=container()))

    assert completion.record == make_record()
    assert completion.events == []


def test_trap_slow_stop_cut_off() -> None:
    """A stop in doubt would still end the old engine: it is let end, then the engine is started."""
    halt = stop(OLD, PARKED)
    doubtful = after(backward(), halt, StepResult.UNKNOWN)
    running = seen(current=container(name=PARKED))

    assert roll_back(doubtful, running) == halt
    halted = after(doubtful, halt)
    assert roll_back(halted, seen(current=container(name=PARKED, status=EXITED))) == START
    assert roll_back(after(halted, START), running) == UNPARK


def test_stop_that_came_late_is_made_good() -> None:
    """The old engine had its name back when our own stop reached it: once more from there."""
    halt = stop(OLD, PARKED)
    late = after(after(backward(), halt, StepResult.UNKNOWN), UNPARK)

    assert roll_back(late, seen(current=container(status=EXITED))) == Action(ActionName.PARK, OLD)


def test_old_engine_that_docker_does_not_start_keeps_its_name() -> None:
    """There is nothing to be gained from parking it once more."""
    given_up = after(after(backward(), stop(OLD, PARKED)), START, StepResult.REFUSED, MAX_TRIES)

    completion = ended(after(given_up, UNPARK), seen(current=container(status=EXITED)))

    assert completion.record is not None
    assert completion.record.status is RuntimeStatus.STOPPED


def test_engine_whose_stop_is_refused_on_the_way_back_is_called_running() -> None:
    """Docker does not stop it: it runs, and that is what is told."""
    halt = stop(OLD, PARKED)
    doubtful = after(backward(), halt, StepResult.UNKNOWN)
    refused = after(doubtful, halt, StepResult.REFUSED, times=MAX_TRIES)

    assert roll_back(refused, seen(current=container(name=PARKED))) == UNPARK


def test_new_container_that_docker_does_not_remove_is_set_aside() -> None:
    """When its tries are used up it is renamed, so that the old engine gets its name."""
    found = seen(current=container(name=PARKED), new=new(status=EXITED))
    refused = after(backward(), remove(NEW), StepResult.REFUSED)

    assert roll_back(refused, found) == remove(NEW)
    given_up = after(backward(), remove(NEW), StepResult.REFUSED, times=MAX_TRIES)
    assert roll_back(given_up, found) == SET_ASIDE
    aside = seen(current=container(name=PARKED), new=new(status=EXITED, name="aside"))
    assert roll_back(after(given_up, SET_ASIDE), aside) == UNPARK


def test_new_container_of_a_first_start_is_not_set_aside() -> None:
    """Nobody needs its name: the reconciler removes it."""
    given_up = after(backward(predecessor=None), remove(NEW), StepResult.REFUSED, times=MAX_TRIES)

    completion = ended(given_up, seen(record=None, new=new(status=EXITED)))

    assert completion.record is None


def test_trap_refused_on_the_way_back() -> None:
    """Whatever is refused again and again is left: every way back ends, with what is true."""
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
    """The new one cannot be stopped: two engines would run on one state."""
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
def test_only_what_keeps_the_old_one_from_its_place_goes(
    left: ContainerDetails, action: Action
) -> None:
    """Name and running are what the old engine needs back; the rest is drift."""
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(), seen(current=old, others=[left])) == action


def test_others_of_a_game_without_a_container_are_left_alone() -> None:
    """There is nothing to bring back: only what the operation has made goes."""
    completion = ended(
        backward(predecessor=None), seen(record=None, others=[other(status=RUNNING, name=NAME)])
    )

    assert completion.record is None


def test_first_cause_is_told_with_what_runs() -> None:
    """The record is as it was, container id included."""
    completion = ended(backward(), seen(current=container()))

    assert completion.cause == make_cause(
        message="the engine exited with code 1; galaxy/game:1.4.7 runs"
    )


@pytest.mark.parametrize(
    ("record", "current", "words"),
    [
        (make_record(current_image_ref=None), container(), "the engine runs"),
        (STOPPED, container(status=EXITED), "the game is stopped as before"),
        (make_record(), container(status=EXITED), "the game is stopped now"),
        (make_record(), None, "the game is removed now"),
        (make_record(), container(status=ContainerStatus.REMOVING), "the game is removed now"),
    ],
)
def test_failure_says_what_is_true_now(
    record: RuntimeRecord, current: ContainerDetails | None, words: str
) -> None:
    """Whatever happened meanwhile is in the record, and in the words."""
    completion = failed(backward(), seen(record=record, current=current))

    assert completion.cause is not None
    assert completion.cause.message.endswith(f"; {words}")


def test_loss_that_was_seen_on_the_way_is_told() -> None:
    """An engine that should run and does not is an event, once."""
    completion = failed(backward(), seen(current=container(status=EXITED, exit_code=9)))

    assert [each.event_type.value for each in completion.events] == ["container_exited"]


def test_failure_of_a_first_start_leaves_no_record() -> None:
    """A game that never ran still has none."""
    completion = failed(backward(), seen(record=None))

    assert (completion.record, completion.cause) == (None, make_cause())


def test_failure_without_a_cause_is_an_internal_error() -> None:
    """It cannot be; if it is, nobody is told a reason that was not."""
    completion = failed(replace(backward(), cause=None), seen(record=None))

    assert completion.cause is not None
    assert completion.cause.code is ErrorCode.INTERNAL_ERROR


def test_engine_of_a_later_operation_is_not_touched() -> None:
    """The database is older than what runs: the old engine gets its name back, and that is all."""
    later = other(status=RUNNING, labels=labels_of(GAME, fence=FENCE + 1))
    old = container(name=PARKED, status=EXITED)

    assert roll_back(backward(), seen(current=old, others=[later])) == UNPARK


def test_old_engine_that_exited_by_itself_is_left_where_it_is() -> None:
    """It was never asked to stop: its exit is not ours to make good, and it is told."""
    completion = ended(backward(), seen(current=container(status=EXITED)))

    assert completion.record is not None
    assert completion.record.status is RuntimeStatus.STOPPED
    assert [each.event_type.value for each in completion.events] == ["container_exited"]
