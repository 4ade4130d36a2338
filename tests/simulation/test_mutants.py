"""The simulation notices defects: each mutant is caught within a few histories."""

import sys

import pytest

from tests.simulation.history import shrink
from tests.simulation.mutants import MUTANTS, ON_SWARMS, STREAM_MUTANTS, Mutant

MAX_HISTORIES = 400


@pytest.mark.parametrize(
    "mutant", MUTANTS + ON_SWARMS + STREAM_MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_")
)
def test_mutant_is_caught(mutant: Mutant, capsys: pytest.CaptureFixture[str]) -> None:
    """An invariant is violated within a bounded number of histories."""
    with mutant.alive():
        seeds = range(1, MAX_HISTORIES + 1)
        results = (mutant.run(seed) for seed in seeds)
        caught = next((result for result in results if result.violations), None)

    assert caught is not None
    with capsys.disabled():
        sys.stdout.write(f"\n  {mutant.name}: history {caught.seed}: {caught.violations[0][:90]}")


def test_shrunk_history_is_smaller_and_violated_still() -> None:
    """Events that do not matter are left out, and every remaining step is in the trace."""
    mutant = next(each for each in MUTANTS if each.name == "replay without observing")
    with mutant.alive():
        results = (mutant.run(seed) for seed in range(1, 500))
        caught = next(result for result in results if result.violations)
        shrunk = shrink(caught)

    assert shrunk.violations
    assert len(shrunk.plan) < len(caught.plan)
    assert "VIOLATED: " in str(shrunk)
    assert shrunk.trace
