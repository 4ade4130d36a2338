"""One thing that happens in a history."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens once the scheduler has made `at` steps."""

    at: int
    what: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return f"at {self.at}: {self.what}{self.args}"


Plan = Sequence[Event]
