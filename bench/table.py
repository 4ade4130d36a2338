"""Showing rows: as a table of the terminal, and as one of Markdown."""

from collections.abc import Sequence

from rich.table import Table

from bench.figures import Row

HEADERS = ("what", "measured", "against", "measured there", "ratio", "goal", "reached")
_WORDS = {True: "yes", False: "**no**", None: "-"}


def terminal_table(rows: Sequence[Row]) -> Table:
    """Return the rows for the terminal."""
    table = Table(*HEADERS)
    for row in rows:
        table.add_row(*(cell.replace("**", "") for cell in cells(row)))
    return table


def markdown_table(rows: Sequence[Row]) -> str:
    """Return the rows in Markdown, without a newline at the end."""
    lines = [HEADERS, *map(cells, rows)]
    head, *body = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, "|---" * len(HEADERS) + "|", *body])


def cells(row: Row) -> tuple[str, ...]:
    """Return the cells of one row in the order of the headers."""
    reached = _WORDS[row.is_reached]
    return (row.what, row.measured, row.against, row.baseline, row.ratio, row.goal, reached)
