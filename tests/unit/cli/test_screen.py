"""Tables on terminals of any width."""

from io import StringIO

import pytest
from rich.console import Console

from rtmanager.cli import screen

HEADINGS = ("ID", "GAME", "KIND", "OUTCOME", "ABOUT")
ROW = ("1234", "my-first-game", "reconcile_observed_exit", "nothing to do", "words " * 30)


@pytest.mark.parametrize("width", [200, 80, 56])
def test_table_fits_and_keeps_what_names_its_rows(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words about a row are cut first, its id never: another command needs it."""
    out = StringIO()
    console = Console(file=out, width=width)
    monkeypatch.setattr(screen, "console", lambda: console)

    console.print(screen.table(HEADINGS, [ROW]))

    headings, row = out.getvalue().splitlines()
    assert tuple(headings.split()) == HEADINGS
    assert row.startswith("1234  my-")
    assert len(row.rstrip()) <= width
    assert (ROW[2] in row) == (width >= 80)
