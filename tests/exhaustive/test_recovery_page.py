from pathlib import Path

import pytest

from tests.exhaustive.mutants import MUTANTS
from tests.exhaustive.tables import CASES, Case, table

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", [pytest.param(each, id=each.title) for each in CASES])
def test_the_tables_of_the_page_are_what_the_decisions_do(case: Case) -> None:
    """Each table of docs/recovery.md is rendered by running the decisions."""
    assert table(case) in PAGE


def test_the_page_tells_how_many_wrong_decisions_are_caught() -> None:
    """The number of mutants in docs/recovery.md is counted."""
    assert f"plants {len(MUTANTS)} wrong decisions" in PAGE
