"""What must hold of every completion, by what was seen when it was decided."""

from typing import NamedTuple

from rtmanager.domain.completion import Completion
from rtmanager.domain.operation import OperationKind, Outcome
from rtmanager.domain.operations.kinds import MOST_LOST
from rtmanager.domain.runtime import RuntimeStatus
from tests.exhaustive.checks import Breach
from tests.exhaustive.intent import FORWARD
from tests.exhaustive.setting import Setting
from tests.exhaustive.shown import FENCE, FIRST_CAUSE, HEALTHY, IDS, SILENT, record_of
from tests.exhaustive.state import Ended, State
from tests.exhaustive.world import ENGINE, LEAVING, MADE, OLD, OTHER, World


class _End(NamedTuple):
    """A completion beside the state that it was decided in; `slot` is of the record's container."""

    setting: Setting
    state: State
    completion: Completion
    slot: int | None
    status: str | None

    @property
    def world(self) -> World:
        return self.state.world


def check_end(setting: Setting, state: State, completion: Completion) -> Ended:
    """Judge a completion by what was seen, and return what it leaves behind."""
    record = completion.record
    status = record.status.value if record is not None else None
    named = record.current_container_id if record is not None else None
    slot = None if named is None else IDS.index(named)
    if record is not None and record != record_of(setting) and record.fence != FENCE:
        raise Breach(3, "the record carries another fence")
    if slot is not None and named in completion.leftovers:
        raise Breach(2, "the record's container counts as superfluous")
    end = _End(setting, state, completion, slot, status)
    is_success = completion.outcome is Outcome.SUCCESS
    if is_success:
        _check_success(end)
    else:
        _check_failure(end)
    return Ended(is_success, slot, status)


def _check_success(end: _End) -> None:
    setting, world = end.setting, end.world
    if setting.replaces:
        _check_replaced(end)
    elif setting.kind is OperationKind.CLEANUP_CONTAINER:
        if any(world.containers) or end.status != RuntimeStatus.REMOVED:
            raise Breach(3, "a cleanup succeeds while a container of the game is left")
    elif setting.kind is OperationKind.RECONCILE_ADOPT:
        _check_adopted(end)
    else:
        _check_as_seen(3, end)
        if setting.is_stop and any(world.runs(each) for each in _known(end)):
            raise Breach(3, "a stop succeeds while an engine of the game runs")
        if setting.subject == OTHER and world.containers[OTHER] is not None:
            raise Breach(3, "the superfluous container is still there")


def _known(end: _End) -> list[int]:
    """Return the slots of the containers that this holder knows of."""
    known = end.state.hands.known or frozenset()
    return [each for each in range(len(end.world.containers)) if each in known]


def _check_replaced(end: _End) -> None:
    world, slot = end.world, end.slot
    if slot not in MADE or end.status != RuntimeStatus.RUNNING or not world.runs(slot):
        raise Breach(3, "a success without the new engine running")
    _check_gate(end)
    others = [each for each in _known(end) if each != slot]
    if any(world.runs(each) for each in others):
        raise Breach(3, "a success while another engine of the game runs")
    if {IDS[each] for each in others} - set(end.completion.leftovers):
        raise Breach(3, "a success leaves a container behind")


def _check_gate(end: _End) -> None:
    is_strict = end.setting.kind is OperationKind.PATCH and end.setting.ran == "healthy"
    passed = {HEALTHY} if is_strict else {HEALTHY, SILENT}
    gate = end.state.hands.gate
    if gate is None or gate[1] != end.slot or gate[0] not in passed:
        raise Breach(3, f"a success without the gate passed in this holder's hands ({gate})")


def _check_adopted(end: _End) -> None:
    slot, world = end.slot, end.world
    if slot is None or slot != end.setting.subject or not world.is_named(slot, ENGINE):
        raise Breach(3, "adopted is not what it was about, or not under the engine's name")
    if world.runs(slot) is not (end.status == RuntimeStatus.RUNNING):
        raise Breach(3, f"the adopted one runs: {world.runs(slot)}, its record: {end.status}")


def _check_failure(end: _End) -> None:
    intent, cause, state = end.state.intent, end.completion.cause, end.state
    if intent is None or cause is None:
        raise Breach(7, "a failure without a cause")
    is_first = cause.code == intent.cause and cause.message.startswith(FIRST_CAUSE)
    if intent.phase == FORWARD or not is_first:
        raise Breach(7, f"turned back by {intent.cause or 'nothing'}, told {cause.code}")
    _check_as_seen(4, end)
    is_undisturbed = not state.disturbed and not state.refused
    if end.setting.replaces and is_undisturbed and intent.lost < 2 * MOST_LOST:
        _check_as_it_was(end.setting, state.world)


def _check_as_seen(check: int, end: _End) -> None:
    """Demand that a record which no container replaced says what is seen of its own."""
    before, old = end.setting.record, end.world.containers[OLD]
    expected = before
    if before in {"running", "stopped"}:
        if old is None or old.status == LEAVING:
            expected = "removed"
        elif not end.world.runs(OLD):
            expected = "stopped"
    named = OLD if expected in {"running", "stopped"} else None
    if (end.status, end.slot) != (expected, named):
        raise Breach(check, f"the old one is {old and old.status}, the record {end.status}")


def _check_as_it_was(setting: Setting, world: World) -> None:
    old = world.containers[OLD]
    if any(world.containers[each] for each in MADE):
        raise Breach(4, "something of the operation is left")
    if setting.ran == "none":
        return
    if old is None or old.name != ENGINE:
        raise Breach(4, "the old one does not have its name back")
    if world.runs(OLD) is not (setting.ran != "no"):
        raise Breach(4, f"the old one is {old.status}, before it ran: {setting.ran}")
