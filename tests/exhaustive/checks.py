"""What must hold on every transition; a breach names the check."""

from rtmanager.domain.operation import Action, ActionName, OperationKind
from tests.exhaustive.intent import SLOT_OF
from tests.exhaustive.setting import Setting
from tests.exhaustive.shown import NAMES
from tests.exhaustive.state import Ended, State
from tests.exhaustive.world import (
    ENGINE,
    OLD,
    OTHER,
    PARKED,
    RUNNING,
    UNUSABLE,
    WORDS,
    Call,
    World,
    target,
)

CHECKS = {
    1: "two engines never run by a start of ours",
    2: "the old container outlives the operation, and nothing that runs is removed",
    3: "a success is true",
    4: "a failure tells what is seen, and everything is as it was unless somebody prevented it",
    5: "a call that arrives after the end does no harm",
    6: "from every state an end is reached",
    7: "the first cause is what a failure tells",
    8: "no call can reach a container of a later operation",
}


class Breach(Exception):
    """A check that does not hold."""

    def __init__(self, check: int, words: str) -> None:
        super().__init__(f"check {check} ({CHECKS[check]}): {words}")
        self.check = check


def check_action(setting: Setting, state: State, action: Action) -> None:
    """Judge what is about to be sent by what was just seen."""
    if action.container_id is None:
        return
    slot = SLOT_OF[action.container_id]
    if action.name is ActionName.REMOVE:
        _check_removal(setting, state.world, slot)
    elif setting.kind is OperationKind.RECONCILE_DISPOSE:
        _check_disposal(state.world, slot)
    elif action.name is ActionName.START:
        _check_start(state, action, slot)
    elif setting.replaces and slot == OLD:
        _check_address(state.world, action)


def _check_removal(setting: Setting, world: World, slot: int) -> None:
    found = world.containers[slot]
    if found is None:
        return
    if world.runs(slot):
        raise Breach(2, f"{WORDS[slot]} is to be removed while it runs")
    is_kept = setting.kind is not OperationKind.CLEANUP_CONTAINER and slot == OLD
    if is_kept and found.status not in UNUSABLE:
        raise Breach(2, "the old one is to be removed before the outcome is committed")


def _check_disposal(world: World, slot: int) -> None:
    """Judge a stop: what runs under the game's name is superfluous only beside the record's own."""
    if world.runs(slot) and world.is_named(slot, ENGINE) and not world.runs(OLD):
        raise Breach(2, f"{WORDS[slot]} is to be stopped, and it is the game's only engine")


def _check_start(state: State, action: Action, slot: int) -> None:
    world, known = state.world, state.hands.known or frozenset()
    for each in range(len(world.containers)):
        is_seen = each in known or world.is_named(each, ENGINE)
        if each != slot and is_seen and world.runs(each):
            raise Breach(1, f"a start of {WORDS[slot]} is decided while {WORDS[each]} runs")
    if slot == OTHER:
        raise Breach(8, "a container of an earlier operation is started")
    if slot == OLD and action.address != NAMES[PARKED]:
        raise Breach(8, "the old one is started by its id")


def _check_address(world: World, action: Action) -> None:
    """Demand that the parked container is reached by the name that only this operation gives."""
    is_parked = world.is_named(OLD, PARKED) and action.name is ActionName.STOP
    must_be_named = is_parked or action.name is ActionName.UNPARK
    if must_be_named and action.address != NAMES[PARKED]:
        raise Breach(8, f"{action.name} of the old one by its id")


def check_effect(before: World, call: Call, after: World, *, excused: bool) -> None:
    """Judge what a call of ours, in time or late, has done to the world."""
    if call.verb != "start" or excused:
        return
    slot = target(before, call)
    if slot is None or before.runs(slot) or not after.runs(slot):
        return
    for other, each in enumerate(after.containers):
        if other != slot and each is not None and each.status == RUNNING:
            raise Breach(1, f"{WORDS[slot]} is started while {WORDS[other]} runs")


def check_late_effect(state: State, call: Call, ended: Ended, *, is_stop: bool) -> None:
    """Judge a call that arrives after the end, or the removal of what is superfluous then."""
    world, slot = state.world, target(state.world, call)
    if slot is None or slot != ended.slot:
        return
    stops = call.verb == "halt" or (call.verb == "stop" and ended.success)
    if stops and world.runs(slot) and ended.status == "running" and not is_stop:
        raise Breach(5, f"a late stop ends {WORDS[slot]}, which the record says runs")
    if call.verb == "remove" and ended.success:
        raise Breach(5, f"a late removal takes {WORDS[slot]}, which the record names")
