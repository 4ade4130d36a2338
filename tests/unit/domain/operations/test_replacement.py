"""The forward decision of start, restart and patch: the next action in each state."""

from dataclasses import replace

import pytest

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerStatus
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import Action, ActionName, Predecessor, StepResult
from rtmanager.domain.operations.decision import MAX_ATTEMPTS, RollBack, remove, stop
from rtmanager.domain.operations.observation import GateReading, Observation
from rtmanager.domain.operations.replacement import CREATE, OBTAIN_IMAGE, PREPARE_STATE, decide
from rtmanager.domain.runtime import RuntimeStatus
from tests.builders import GAME, NOON, make_cause
from tests.unit.domain.observed import (
    EXITED,
    FENCE,
    IMAGE,
    LATER,
    NAME,
    NEW,
    OLD,
    OTHER,
    PARKED,
    RUNNING,
    after,
    container,
    new,
    operation,
    other,
    ready,
    seen,
)
from tests.unit.domain.watch import labels_of

PARK = Action(ActionName.PARK, OLD)
START = Action(ActionName.START, NEW)
WATCH_GATE = Action(ActionName.WATCH_GATE, NEW)
HEALTHY = GateReading(answered_at=LATER, note="healthy")


def test_every_fault_is_found_before_anything_is_touched() -> None:
    """The image is checked first, then the state directory and the configuration."""
    assert decide(operation(), seen(current=container())) == OBTAIN_IMAGE
    assert decide(operation(), seen(current=container(), image=IMAGE)) == PREPARE_STATE


def test_predecessor_is_parked_before_it_is_stopped() -> None:
    """It is parked by its id, then addressed by the name that only this operation gives."""
    assert decide(operation(), ready(current=container())) == PARK
    assert decide(operation(), ready(current=container(name=PARKED))) == stop(OLD, PARKED)
    assert decide(operation(), ready(current=container(name=PARKED, status=EXITED))) == CREATE


def test_stopped_predecessor_is_parked_too() -> None:
    """The old container is kept until the new engine has passed its gate."""
    assert decide(operation(), ready(current=container(status=EXITED))) == PARK


def test_predecessor_parked_by_an_earlier_operation_is_parked_again() -> None:
    """The parked name must be one that only this operation gives."""
    assert decide(operation(), ready(current=container(name="galaxy-parked-3-chess-7"))) == PARK


def test_predecessor_that_docker_cannot_use_any_more_is_removed() -> None:
    """A dead container can be neither renamed nor restored."""
    dead = container(status=ContainerStatus.DEAD)

    assert decide(operation(), ready(current=dead)) == remove(OLD)


def test_game_without_a_container_gets_one() -> None:
    """A first start has no predecessor to park."""
    assert decide(operation(predecessor=None), ready(record=None)) == CREATE


def test_whatever_runs_is_stopped_before_the_new_one_is_made() -> None:
    """Two engines of a game never run."""
    parked = container(name=PARKED, status=EXITED)

    found = ready(current=parked, others=[other(status=RUNNING)])

    assert decide(operation(), found) == stop(OTHER)


def test_leftover_that_has_the_name_is_removed_and_others_stay() -> None:
    """Other leftovers are removed only after the outcome is committed."""
    parked = container(name=PARKED, status=EXITED)

    assert decide(operation(), ready(current=parked, others=[other(name=NAME)])) == remove(OTHER)
    assert decide(operation(), ready(current=parked, others=[other()])) == CREATE


def test_stranger_with_the_name_rolls_it_back_before_anything_is_touched() -> None:
    """The name is taken, so the running engine stays as it is."""
    stranger = container(id=OTHER, labels={})

    decision = decide(operation(), ready(current=container(name="renamed"), stranger=stranger))

    assert isinstance(decision, RollBack)
    assert decision.cause.code is ErrorCode.CONFLICT
    assert "which this service did not make" in decision.cause.message


def test_new_container_is_started_then_watched() -> None:
    """Docker may report a start even of an engine whose command does not exist."""
    assert decide(operation(), ready(new=new())) == START
    assert decide(operation(), ready(new=new(status=RUNNING))) == WATCH_GATE


@pytest.mark.parametrize("name", [PARKED, NAME, "started by hand"])
def test_old_engine_that_someone_started_is_stopped_before_the_new_one_starts(name: str) -> None:
    """It is stopped by its parked name if it has that, otherwise by its id."""
    address = PARKED if name == PARKED else None
    for status in (ContainerStatus.CREATED, RUNNING):
        found = ready(current=container(name=name), new=new(status=status), gate=HEALTHY)

        assert decide(operation(), found) == stop(OLD, address)


def test_start_in_doubt_is_not_repeated() -> None:
    """A late start must find its container gone, so the container is removed."""
    doubtful = after(operation(), START, StepResult.UNKNOWN)

    assert decide(doubtful, ready(new=new())) == remove(NEW)
    assert decide(doubtful, ready(new=new(status=RUNNING))) == WATCH_GATE
    assert decide(doubtful, ready(current=container(name=PARKED, status=EXITED))) == CREATE


def test_removal_of_its_own_that_takes_its_time_is_waited_for() -> None:
    """A container that the operation is removing is not taken for a vanished one."""
    leaving = new(status=ContainerStatus.REMOVING, started_at=None)
    sent = after(operation(), remove(NEW), StepResult.UNKNOWN)

    assert decide(sent, ready(new=leaving)) == remove(NEW)
    assert isinstance(decide(operation(), ready(new=leaving)), RollBack)


def test_new_engine_that_exited_rolls_it_back_with_its_output() -> None:
    """The cause has the exit code and the engine's output."""
    exited = new(status=EXITED, started_at=NOON, exit_code=3)

    decision = decide(operation(), ready(new=exited))

    assert isinstance(decision, RollBack)
    assert decision.logs_of == NEW
    assert (decision.cause.code, decision.cause.exit_code) == (
        ErrorCode.CONTAINER_START_FAILED,
        3,
    )


def test_new_engine_without_memory_is_reported_as_such() -> None:
    """The message points the operator to the memory limit."""
    killed = new(status=EXITED, started_at=NOON, exit_code=137, oom_killed=True)

    decision = decide(operation(), ready(new=killed))

    assert isinstance(decision, RollBack)
    assert "code 137, out of memory" in decision.cause.message


def test_gate_that_failed_rolls_it_back() -> None:
    """The cause has the gate's message."""
    reading = GateReading(failure=make_cause())

    decision = decide(operation(), ready(new=new(status=RUNNING), gate=reading))

    assert decision == RollBack(make_cause(), logs_of=NEW)


@pytest.mark.parametrize(
    ("action", "found"),
    [
        (OBTAIN_IMAGE, seen(current=container())),
        (PREPARE_STATE, seen(current=container(), image=IMAGE)),
        (PARK, ready(current=container())),
        (stop(OLD, PARKED), ready(current=container(name=PARKED))),
        (CREATE, ready()),
    ],
    ids=lambda each: each.name if isinstance(each, Action) else "",
)
def test_refused_action_rolls_it_back(action: Action, found: Observation) -> None:
    """A refusal of any action rolls back with Docker's message."""
    decision = decide(after(operation(), action, StepResult.REFUSED), found)

    assert isinstance(decision, RollBack)
    assert decision.cause.message == "500 Server Error"


def test_refused_action_is_retried_after_another_action() -> None:
    """The obstacle may be gone after another action."""
    since = after(after(operation(), CREATE, StepResult.REFUSED), remove(OTHER))

    assert decide(since, ready()) == CREATE


def test_refused_call_whose_effect_is_seen_is_no_refusal() -> None:
    """A container that was created in spite of a 500 is used."""
    refused = after(operation(), CREATE, StepResult.REFUSED)

    assert decide(refused, ready(new=new())) == START


def test_action_without_a_lasting_effect_rolls_it_back() -> None:
    """An effect that someone reverts three times is a conflict."""
    found = ready(current=container(name=PARKED))
    halt = stop(OLD, PARKED)

    assert decide(after(operation(), halt, times=MAX_ATTEMPTS - 1), found) == halt
    decision = decide(after(operation(), halt, times=MAX_ATTEMPTS), found)

    assert isinstance(decision, RollBack)
    assert decision.cause.code is ErrorCode.CONFLICT


def test_success_records_what_the_container_itself_shows() -> None:
    """Times, image, state path and network are the container's; created_at is the game's."""
    engine = new(status=RUNNING, started_at=LATER, state_path="/mnt/g", network="net-2")
    old = container(name=PARKED, status=EXITED)

    completion = decide(operation(), ready(new=engine, current=old, gate=HEALTHY))

    assert isinstance(completion, Completion)
    record = completion.record
    assert record is not None
    assert (record.status, record.current_container_id) == (RuntimeStatus.RUNNING, NEW)
    assert (record.started_at, record.state_path, record.docker_network) == (
        LATER,
        "/mnt/g",
        "net-2",
    )
    assert (record.created_at, record.fence) == (NOON, FENCE)
    assert list(completion.leftovers) == [OLD]
    assert [event.event_type.value for event in completion.events] == ["container_started"]
    assert completion.events[0].occurred_at == LATER


def test_success_over_an_engine_that_had_exited_reports_the_loss_first() -> None:
    """An engine that should have run when the operation began is reported as lost."""
    old = container(name=PARKED, status=EXITED, exit_code=9)
    begun = operation(predecessor=Predecessor(container_id=OLD, ran=False))

    completion = decide(begun, ready(new=new(status=RUNNING), current=old, gate=HEALTHY))

    assert isinstance(completion, Completion)
    assert [event.event_type.value for event in completion.events] == [
        "container_exited",
        "container_started",
    ]
    assert completion.details == {"found": "container_exited"}


def test_equal_observations_give_equal_decisions() -> None:
    """Decisions are pure functions of operation and observation."""
    found = ready(current=container(name=PARKED), others=[other(status=RUNNING)])

    assert decide(operation(), found) == decide(replace(operation()), replace(found))


def test_second_container_of_its_own_is_no_later_operations() -> None:
    """A second container from a late create is stopped, and the operation continues."""
    twin = other(status=RUNNING, labels=labels_of(GAME, fence=FENCE))

    assert decide(operation(), ready(current=None, new=new(), others=[twin])) == stop(OTHER)
