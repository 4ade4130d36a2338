"""The mutants fit the code as it is: noticed in seconds, not only when they are run."""

import pytest

from tests.mutation.mutant import ROOT, Mutant
from tests.mutation.test_survivors import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name.replace(" ", "_"))
def test_mutant_fits_the_code(mutant: Mutant) -> None:
    """What it replaces occurs once, and the test that must notice it is there."""
    file, name = mutant.caught_by.partition("[")[0].split("::", 1)

    assert mutant.source
    assert f"def {name.rpartition('::')[2]}(" in (ROOT / file).read_text()
