"""What a container has written, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.texts import printable

LINE_LIMIT = 4_096
"""Characters of a line that are kept, with what escaping adds."""


class OutputStream(StrEnum):
    """Where a line was written (components/schemas/LogLine of the operator contract)."""

    STDOUT = "stdout"
    STDERR = "stderr"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line; `at` is when Docker received it, None if that is not known."""

    at: datetime | None
    stream: OutputStream
    text: str

    def __post_init__(self) -> None:
        """Make the text from outside printable, so that it moves no cursor and fits."""
        object.__setattr__(self, "text", printable(self.text, LINE_LIMIT))


@dataclass(frozen=True, slots=True)
class OutputBatch:
    """Lines that arrived together, and how many bytes were read for them, which may be more."""

    lines: Sequence[OutputLine]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRequest:
    """Which lines are wanted: the last `tail`, of them those since a time, and what follows."""

    tail: int
    since: datetime | None = None
    follow: bool = False
