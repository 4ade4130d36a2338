"""The list of decisions names each page once, in their order, by its title."""

import re
from pathlib import Path

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"


def test_decisions_are_listed_in_their_order() -> None:
    """A page that is not listed is not found; two lines for one are a merge gone wrong."""
    listed = re.findall(
        r"^- \[(\d{4})\]\((\1-.+)\)\n  (.+)$", (DECISIONS / "README.md").read_text(), re.MULTILINE
    )

    assert listed == [
        (page.name[:4], page.name, _title(page)) for page in sorted(DECISIONS.glob("0*.md"))
    ]


def _title(page: Path) -> str:
    number, title = page.read_text().splitlines()[0].removeprefix("# ").split(". ", 1)
    assert page.name.startswith(number)
    return title
