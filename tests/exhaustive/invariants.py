"""The invariants: what must hold on every transition, and of every completion."""

from typing import NamedTuple

from rtmanager.domain.completion import Completion
from rtmanager.domain.operation import Action, ActionName, OperationKind, Outcome
from rtmanager.domain.operations.kinds import MAX_LOST
from rtmanager.domain.runtime import RuntimeStatus
from tests.exhaustive.concrete_values import (
    FENCE,
    FIRST_CAUSE,
    HEALTHY,
    IDS,
    NAMES,
    SILENT,
    record_of,
)
from tests.exhaustive.docker_model import (
    ENGINE,
    LOST,
    MADE,
    OLD,
    OTHER,
    PARKED,
    REMOVING,
    RUNNING,
    SLOT_NAMES,
    UNUSABLE,
    Call,
    DockerState,
    target,
)
from tests.exhaustive.intent import FORWARD, SLOT_OF
from tests.exhaustive.scenarios import Scenario
from tests.exhaustive.state import Ended, State

INVARIANTS = {
    1: "no start of ours makes two engines run",
    2: "the old container outlives the operation, and nothing that runs is removed",
    3: "a success is what is observed",
    4: "a failure reports what is observed, and everything is as it was unless somebody interfered",
    5: "a call that arrives after the end has no bad effect",
    6: "an end is reached from every state",
    7: "a failure reports its first cause",
    8: "no call can reach a container of a later operation",
}


class Violation(Exception):
    """An invariant that does not hold."""

    def __init__(self, invariant: int, reason: str) -> None:
        super().__init__(f"invariant {invariant} ({INVARIANTS[invariant]}): {reason}")
        self.invariant = invariant


def check_action(scenario: Scenario, state: State, action: Action) -> None:
    """Check an action that is about to be sent against what was just observed."""
    if action.container_id is None:
        return
    slot = SLOT_OF[action.container_id]
    if action.name is ActionName.REMOVE:
        _check_removal(scenario, state.docker, slot)
    elif scenario.kind is OperationKind.RECONCILE_DISPOSE:
        _check_disposal(state.docker, slot)
    elif action.name is ActionName.START:
        _check_start(state, action, slot)
    elif scenario.replaces and slot == OLD:
        _check_address(state.docker, action)


def _check_removal(scenario: Scenario, docker: DockerState, slot: int) -> None:
    found = docker.containers[slot]
    if found is None:
        return
    if docker.runs(slot):
        raise Violation(2, f"{SLOT_NAMES[slot]} is to be removed while it runs")
    is_kept = scenario.kind is not OperationKind.CLEANUP_CONTAINER and slot == OLD
    if is_kept and found.status not in UNUSABLE:
        raise Violation(2, "the old one is to be removed before the outcome is committed")


def _check_disposal(docker: DockerState, slot: int) -> None:
    """Check a stop: the engine with the game's name is stale only while the record's own runs."""
    if docker.runs(slot) and docker.is_named(slot, ENGINE) and not docker.runs(OLD):
        raise Violation(2, f"{SLOT_NAMES[slot]} is to be stopped, and it is the game's only engine")


def _check_start(state: State, action: Action, slot: int) -> None:
    docker, known = state.docker, state.memory.known or frozenset()
    for each in range(len(docker.containers)):
        is_observed = each in known or docker.is_named(each, ENGINE)
        if each != slot and is_observed and docker.runs(each):
            raise Violation(
                1, f"a start of {SLOT_NAMES[slot]} is decided while {SLOT_NAMES[each]} runs"
            )
    if slot == OTHER:
        raise Violation(8, "a container of an earlier operation is started")
    if slot == OLD and action.address != NAMES[PARKED]:
        raise Violation(8, "the old one is started by its id")


def _check_address(docker: DockerState, action: Action) -> None:
    """Check that the parked container is addressed by the name that only this operation gives."""
    is_parked = docker.is_named(OLD, PARKED) and action.name is ActionName.STOP
    must_be_named = is_parked or action.name is ActionName.UNPARK
    if must_be_named and action.address != NAMES[PARKED]:
        raise Violation(8, f"{action.name} of the old one by its id")


def check_effect(before: DockerState, call: Call, after: DockerState, *, excused: bool) -> None:
    """Check what a call of ours, in time or late, has done in Docker."""
    if call.verb != "start" or excused:
        return
    slot = target(before, call)
    if slot is None or before.runs(slot) or not after.runs(slot):
        return
    for other, each in enumerate(after.containers):
        if other != slot and each is not None and each.status == RUNNING:
            raise Violation(1, f"{SLOT_NAMES[slot]} is started while {SLOT_NAMES[other]} runs")


def check_late_effect(state: State, call: Call, ended: Ended, *, is_stop: bool) -> None:
    """Check a call that arrives after the end, or the removal of what is stale then."""
    docker, slot = state.docker, target(state.docker, call)
    if slot is None or slot != ended.slot:
        return
    stops = call.verb == "halt" or (call.verb == "stop" and ended.success)
    if stops and docker.runs(slot) and ended.status == "running" and not is_stop:
        raise Violation(5, f"a late stop ends {SLOT_NAMES[slot]}, which the record says runs")
    if call.verb == "remove" and ended.success:
        raise Violation(5, f"a late removal takes {SLOT_NAMES[slot]}, which the record names")


class _End(NamedTuple):
    """A completion and the state in which it was decided; `slot` is the record's container."""

    scenario: Scenario
    state: State
    completion: Completion
    slot: int | None
    status: str | None

    @property
    def docker(self) -> DockerState:
        return self.state.docker


def check_end(scenario: Scenario, state: State, completion: Completion) -> Ended:
    """Check a completion against the observation, and return what it leaves behind."""
    record = completion.record
    status = record.status.value if record is not None else None
    named = record.current_container_id if record is not None else None
    slot = None if named is None else IDS.index(named)
    if record is not None and record != record_of(scenario) and record.fence != FENCE:
        raise Violation(3, "the record carries another fence")
    if slot is not None and named in completion.leftovers:
        raise Violation(2, "the record's container counts as stale")
    end = _End(scenario, state, completion, slot, status)
    is_success = completion.outcome is Outcome.SUCCESS
    if is_success:
        _check_success(end)
    else:
        _check_failure(end)
    return Ended(is_success, slot, status)


_AS_OBSERVED = {
    OperationKind.STOP,
    OperationKind.RECONCILE_DISPOSE,
    OperationKind.RECONCILE_OBSERVED_EXIT,
}
"""The kinds whose success is that the record agrees with Docker."""


def _check_success(end: _End) -> None:
    scenario, docker = end.scenario, end.docker
    if scenario.replaces:
        _check_replaced(end)
    elif scenario.kind is OperationKind.CLEANUP_CONTAINER:
        if any(docker.containers) or end.status != RuntimeStatus.REMOVED:
            raise Violation(3, "a cleanup succeeds while a container of the game is left")
    elif scenario.kind is OperationKind.RECONCILE_ADOPT:
        _check_adopted(end)
    elif scenario.kind in _AS_OBSERVED:
        _check_as_observed(3, end)
        if scenario.is_stop and any(docker.runs(each) for each in _known(end)):
            raise Violation(3, "a stop succeeds while an engine of the game runs")
        if scenario.subject == OTHER and docker.containers[OTHER] is not None:
            raise Violation(3, "the stale container is still there")
    else:
        raise Violation(3, f"no invariant says what a success of {scenario.kind} is")


def _known(end: _End) -> list[int]:
    """Return the slots of the containers that this holder knows of."""
    known = end.state.memory.known or frozenset()
    return [each for each in range(len(end.docker.containers)) if each in known]


def _check_replaced(end: _End) -> None:
    docker, slot = end.docker, end.slot
    if slot not in MADE or end.status != RuntimeStatus.RUNNING or not docker.runs(slot):
        raise Violation(3, "a success without the new engine running")
    _check_gate(end)
    others = [each for each in _known(end) if each != slot]
    if any(docker.runs(each) for each in others):
        raise Violation(3, "a success while another engine of the game runs")
    if {IDS[each] for each in others} - set(end.completion.leftovers):
        raise Violation(3, "a success leaves a container behind")


def _check_gate(end: _End) -> None:
    is_strict = end.scenario.kind is OperationKind.PATCH and end.scenario.ran == "healthy"
    passed = {HEALTHY} if is_strict else {HEALTHY, SILENT}
    gate = end.state.memory.gate
    if gate is None or gate[1] != end.slot or gate[0] not in passed:
        raise Violation(3, f"a success without the gate passed in this holder's memory ({gate})")


def _check_adopted(end: _End) -> None:
    slot, docker = end.slot, end.docker
    if slot is None or slot != end.scenario.subject or not docker.is_named(slot, ENGINE):
        raise Violation(3, "the adopted one is not the subject, or does not have the engine's name")
    is_lost = docker.containers[slot] is not None and _is_to_be_moved(end)
    runs = docker.runs(slot) or (is_lost and end.scenario.record == "running")
    if runs is not (end.status == RuntimeStatus.RUNNING):
        raise Violation(3, f"the adopted one runs: {docker.runs(slot)}, its record: {end.status}")


def _check_failure(end: _End) -> None:
    intent, cause, state = end.state.intent, end.completion.cause, end.state
    if intent is None or cause is None:
        raise Violation(7, "a failure without a cause")
    is_first = cause.code == intent.cause and cause.message.startswith(FIRST_CAUSE)
    if intent.phase == FORWARD or not is_first:
        raise Violation(7, f"rolled back for {intent.cause or 'nothing'}, reported {cause.code}")
    _check_as_observed(4, end)
    is_undisturbed = not state.disturbed and not state.refused
    if end.scenario.replaces and is_undisturbed and intent.lost < 2 * MAX_LOST:
        _check_as_it_was(end.scenario, state.docker)


def _check_as_observed(invariant: int, end: _End) -> None:
    """Check that a record whose container was not replaced says what is observed of it."""
    before, old = end.scenario.record, end.docker.containers[OLD]
    expected = before
    if before in {"running", "stopped"}:
        if old is None or old.status == REMOVING:
            expected = "removed"
        elif not end.docker.runs(OLD) and not _is_to_be_moved(end):
            expected = "stopped"
    named = OLD if expected in {"running", "stopped"} else None
    if (end.status, end.slot) != (expected, named):
        raise Violation(invariant, f"the old one is {old and old.status}, the record {end.status}")


def _is_to_be_moved(end: _End) -> bool:
    """Return whether the old one was lost with its node, and nobody wanted it to be stopped."""
    old = end.docker.containers[OLD]
    is_stopped = end.scenario.is_stop and end.completion.outcome is Outcome.SUCCESS
    return old is not None and old.status == LOST and not is_stopped


def _check_as_it_was(scenario: Scenario, docker: DockerState) -> None:
    old = docker.containers[OLD]
    if any(docker.containers[each] for each in MADE):
        raise Violation(4, "a container of the operation is left")
    if scenario.ran == "none":
        return
    if old is None or old.name != ENGINE:
        raise Violation(4, "the old one does not have its name back")
    if docker.runs(OLD) is not (scenario.ran != "no"):
        raise Violation(4, f"the old one is {old.status}, before it ran: {scenario.ran}")
