"""The simulation bites: what is wrong with the protocol is noticed within few histories."""

import sys

import pytest

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.stream_mutants import STREAM_MUTANTS

MOST_HISTORIES = 400


@pytest.mark.parametrize(
    "mutant", MUTANTS + STREAM_MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_")
)
def test_mutant_is_caught(mutant: Mutant, capsys: pytest.CaptureFixture[str]) -> None:
    """An invariant is violated within a bounded number of histories."""
    with mutant.alive():
        seeds = range(1, MOST_HISTORIES + 1)
        verdicts = (mutant.run(seed) for seed in seeds)
        caught = next((verdict for verdict in verdicts if verdict.violations), None)

    assert caught is not None
    with capsys.disabled():
        sys.stdout.write(f"\n  {mutant.name}: history {caught.seed}: {caught.violations[0][:90]}")
