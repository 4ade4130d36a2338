"""A violated history is told as briefly as can be."""

from tests.simulation.mutants import MUTANTS
from tests.simulation.shrink import shrink


def test_shrunk_history_is_smaller_and_violated_still() -> None:
    """What does not matter is left out, and every step of what is left is told."""
    mutant = next(each for each in MUTANTS if each.name == "replay without a look")
    with mutant.alive():
        verdicts = (mutant.run(seed) for seed in range(1, 500))
        caught = next(verdict for verdict in verdicts if verdict.violations)
        shrunk = shrink(caught)

    assert shrunk.violations
    assert len(shrunk.plan) < len(caught.plan)
    assert "VIOLATED: " in str(shrunk)
    assert shrunk.trace
