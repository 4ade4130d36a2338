"""What is printed: tables for people, JSON for scripts.

Nothing is read as Rich's markup, and every text from the service is made plain: a log line or a
name may contain what acts on a terminal.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any

import typer

from rtmanager.cli.text import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_GAP = 2
_LEAST = 16
"""To what the last column is cut before the others are."""
UNLIMITED = 10_000
"""The width of what is not shown on a terminal: nothing is wrapped or cut."""

STYLES = {
    "running": "green",
    "healthy": "green",
    "success": "green",
    "done": "green",
    "ok": "green",
    "ready": "green",
    "unhealthy": "red",
    "down": "red",
    "failure": "red",
    "refused": "red",
    "fault": "red",
    "unknown": "yellow",
    "open": "cyan",
    "warning": "yellow",
    "removed": "dim",
    "not_running": "dim",
}
"""The colour of a word, wherever it stands alone."""


def console(stream: IO[str] | None = None) -> "Console":
    """Return a console on standard output, or on another stream."""
    from rich.console import Console  # noqa: PLC0415 - quick commands need none

    file = stream or sys.stdout
    return Console(
        file=file,
        width=None if file.isatty() else UNLIMITED,
        markup=False,
        emoji=False,
        highlight=False,
    )


def cell(value: object, style: str | None = None) -> "Text":
    """Return a value for a table, coloured if it is one of the known words."""
    from rich.text import Text  # noqa: PLC0415 - as above

    text = plain(str(value)) if value not in {None, ""} else "-"
    return Text(text, style or STYLES.get(text, ""))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, fold: int = 0) -> "Table":
    """Return a table that is cut to the width of a terminal, its last column first.

    The last `fold` columns are continued on the next line instead.
    """
    from rich.table import Table  # noqa: PLC0415 - as above

    cells = [list(map(_cell, row)) for row in rows]
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for index, heading in enumerate(headings):
        is_folded = index >= len(headings) - fold
        made.add_column(
            heading, overflow="fold" if is_folded else "ellipsis", no_wrap=not is_folded
        )
    if not fold:
        _fit(headings, cells)
    for row in cells:
        made.add_row(*row)
    return made


def _fit(headings: Sequence[str], cells: "Sequence[Sequence[Text]]") -> None:
    """Cut the last column, then whichever is widest; never the first, which names the row.

    The library would make all of them narrower.
    """
    widths = [
        max([len(heading), *(row[index].cell_len for row in cells)])
        for index, heading in enumerate(headings)
    ]
    excess = sum(widths) + _GAP * (len(widths) - 1) - console().width
    cut = min(max(excess, 0), max(widths[-1] - _LEAST, 0))
    widths[-1] -= cut
    for _ in range(excess - cut):
        wide = [each for each in range(1, len(widths)) if widths[each] > len(headings[each])]
        if not wide:
            break
        widths[max(wide, key=widths.__getitem__)] -= 1
    for row in cells:
        for text, width in zip(row, widths, strict=True):
            text.truncate(width, overflow="ellipsis")


def show(renderable: Any) -> None:
    """Print something on standard output, without blanks at the ends of lines."""
    out = console()
    if out.is_terminal:
        out.print(renderable)
        return
    with out.capture() as captured:
        out.print(renderable)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def pairs(values: Iterable[tuple[str, object]]) -> "Table":
    """Return names and values below each other."""
    from rich.table import Table  # noqa: PLC0415 - as above

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in values:
        made.add_row(name, _cell(value))
    return made


def columns(values: Sequence[object], widths: Sequence[int]) -> "Table":
    """Return one row of which the last column takes the rest, over several lines if need be."""
    from rich.table import Table  # noqa: PLC0415 - as above

    made = Table.grid(padding=(0, 1, 0, 0))
    for width in widths:
        made.add_column(width=width, no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row(*map(_cell, values))
    return made


def print_json(document: object) -> None:
    """Print one document."""
    typer.echo(json.dumps(document, indent=2))


def print_json_line(document: object) -> None:
    """Print one line of NDJSON."""
    typer.echo(json.dumps(document))


def _cell(value: object) -> "Text":
    from rich.text import Text  # noqa: PLC0415 - as above

    return value if isinstance(value, Text) else cell(value)
