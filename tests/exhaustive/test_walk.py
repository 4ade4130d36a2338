import re
from pathlib import Path

import pytest

from rtmanager.domain.operation import ActionName, OperationKind
from rtmanager.domain.operations.kinds import MOST_LOST
from rtmanager.domain.runtime import RuntimeStatus
from tests.exhaustive.intent import ACTIONS
from tests.exhaustive.setting import Setting
from tests.exhaustive.walk import Walk, Walked, walk
from tests.exhaustive.world import MADE, NONE

MISHAPS = 2
"""With two every mishap meets every other, and all kinds take well under 25 s of one core."""

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (\w+) \| ([\d,]+) \| ([\d,]+) \| (\d+) \|$", re.MULTILINE)


def _published() -> dict[str, Walked]:
    """Return the counts of the bounded walk: the first table that has any."""
    section = PAGE.partition("Two mishaps are walked")[2].partition("`make walk`")[0]
    return {
        kind: Walked(*(int(each.replace(",", "")) for each in counts))
        for kind, *counts in _ROW.findall(section)
    }


@pytest.mark.parametrize("kind", OperationKind)
def test_every_check_holds_in_every_state_of_an_operation(kind: OperationKind) -> None:
    """Whatever goes wrong, twice, every invariant holds and an end is reached, as published."""
    assert walk(kind, MISHAPS) == _published()[kind]


def test_the_walk_comes_to_what_it_is_about() -> None:
    """Every action and ending of a restart, a second new container, a late call after the end."""
    restart = Walk(Setting(OperationKind.RESTART, "running", "yes"), MISHAPS)

    restart.run()

    found = restart.found
    assert {ACTIONS[each.sent].name for each in found if each.sent != NONE} == set(ActionName)
    endings = {(each.ended.success, each.ended.status) for each in found if each.ended}
    assert endings == {(True, "running"), *((False, each) for each in RuntimeStatus)}
    assert any(all(each.world.containers[made] for made in MADE) for each in found)
    assert any(each.ended and each.late for each in found)
    assert any(each.trouble != NONE for each in found)
    assert any(each.intent and each.intent.lost == 2 * MOST_LOST for each in found)


def test_the_sum_of_all_states_is_published() -> None:
    """The last row of the table in docs/recovery.md adds the others up."""
    published = _published()

    total = published.pop("all")
    assert sum(published.values(), Walked()) == total
    assert set(published) == set(OperationKind)
