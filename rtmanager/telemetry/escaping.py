"""Text from outside, in log lines for people: no character of it can act on the terminal.

An escape sequence rewrites what was printed before, a newline begins a line that looks like one of
ours, and a bidirectional override shows characters in another order than they have.
"""

import re
from traceback import TracebackException
from types import TracebackType
from typing import TextIO

from structlog.typing import EventDict

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_RENDERED = {"exc_info", "exception", "stack"}
"""Fields in more than one line, all of them ours."""
_OURS = re.compile(r'[\s|]*(File "|The above exception was |During handling of the above )')
"""How the pieces of a traceback begin that no message is in: several lines of our own source."""


def escaped(text: str) -> str:
    """Return the text with everything that is not printable written as in a Python string."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def escape_values(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Escape the event and every value of a line."""
    return {
        escaped(name): value if name in _RENDERED else _escaped_value(value)
        for name, value in event.items()
    }


def write_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    """Write a traceback below a line: its own lines are ours, its messages are escaped."""
    for piece in TracebackException(*exc_info).format():
        lines = piece.removesuffix("\n")
        written = _escaped_lines(lines) if _OURS.match(lines) else escaped(lines)
        stream.write(f"\n{written}")


def _escaped_lines(lines: str) -> str:
    return "\n".join(map(escaped, lines.split("\n")))


def _escaped_value(value: object) -> object:
    if isinstance(value, str):
        return escaped(value)
    return value if isinstance(value, int | float | None) else escaped(repr(value))
