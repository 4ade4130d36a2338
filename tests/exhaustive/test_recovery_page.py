from pathlib import Path

import pytest

from tests.exhaustive.tables import CASES, Case, table

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", [pytest.param(each, id=each.title) for each in CASES])
def test_the_tables_of_the_page_are_what_the_decisions_do(case: Case) -> None:
    """Each table of docs/recovery.md is rendered by running the decisions."""
    assert table(case) in PAGE
