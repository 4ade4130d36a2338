import re
from pathlib import Path

import pytest

from rtmanager.domain.operation import ActionName, OperationKind
from rtmanager.domain.operations.kinds import MAX_LOST
from rtmanager.domain.runtime import RuntimeStatus
from tests.exhaustive.docker_model import MADE, NONE
from tests.exhaustive.intent import ACTIONS
from tests.exhaustive.scenarios import Scenario
from tests.exhaustive.walk import Walk, WalkResult, walk

FAULTS = 2
"""With two, every fault is combined with every other, and all kinds take under 25 s of one core."""

REPLACING = {
    *(ActionName.OBTAIN_IMAGE, ActionName.PREPARE_STATE, ActionName.PARK, ActionName.STOP),
    *(ActionName.CREATE, ActionName.START, ActionName.WATCH_GATE),
    *(ActionName.REMOVE, ActionName.SET_ASIDE, ActionName.UNPARK),
}
"""The actions of start, restart and patch, their rollback included."""

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (\w+) \| ([\d,]+) \| ([\d,]+) \| (\d+) \|$", re.MULTILINE)


def _published() -> dict[str, WalkResult]:
    """Return the counts of the bounded walk: the first table that has any."""
    section = PAGE.partition("Two faults are walked")[2].partition("`make walk`")[0]
    return {
        kind: WalkResult(*(int(each.replace(",", "")) for each in counts))
        for kind, *counts in _ROW.findall(section)
    }


@pytest.mark.parametrize("kind", OperationKind)
def test_every_invariant_holds_in_every_state_of_an_operation(kind: OperationKind) -> None:
    """With two faults every invariant holds and an end is reached; the counts are as published."""
    assert walk(kind, FAULTS) == _published().get(kind)


def test_the_walk_reaches_the_states_that_matter() -> None:
    """The walk reaches every action that replaces, every end, a second container, a late call."""
    restart = Walk(Scenario(OperationKind.RESTART, "running", "yes"), FAULTS)

    restart.run()

    found = restart.found
    assert {ACTIONS[each.sent].name for each in found if each.sent != NONE} >= REPLACING
    assert set(ActionName) == REPLACING  # an action of another kind is to be walked there
    endings = {(each.ended.success, each.ended.status) for each in found if each.ended}
    assert endings == {(True, "running"), *((False, each) for each in RuntimeStatus)}
    assert any(all(each.docker.containers[made] for made in MADE) for each in found)
    assert any(each.ended and each.late for each in found)
    assert any(each.unanswered != NONE for each in found)
    assert any(each.intent and each.intent.lost == 2 * MAX_LOST for each in found)


def test_the_sum_of_all_states_is_published() -> None:
    """The last row of the table in docs/recovery.md adds the others up."""
    published = _published()

    total = published.pop("all")
    assert sum(published.values(), WalkResult()) == total
    assert set(published) == set(OperationKind)
