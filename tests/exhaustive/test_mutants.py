import pytest

from tests.exhaustive.mutants import MUTANTS, Mutant
from tests.exhaustive.walk import Violation, walk_all


@pytest.mark.parametrize("mutant", [pytest.param(each, id=each.words) for each in MUTANTS])
def test_a_wrong_decision_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in a decision makes the walk stop at the check that it breaks."""
    mutant.patch(monkeypatch)

    with pytest.raises(Violation) as found:
        walk_all([mutant.setting], mutant.mishaps)

    assert found.value.check == mutant.check, str(found.value)
