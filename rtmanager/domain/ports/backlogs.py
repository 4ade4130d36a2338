"""What waits in the queues of one server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

OUTBOX, OPEN_OPERATIONS = "outbox", "open operations"
"""The names of the store's queues; those of the jobs are their streams'."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many entries wait in a queue or are being worked on, and since when the oldest does.

    `age` is for how many seconds it does by the clock of the server, which counts.
    """

    name: str
    waiting: int
    oldest_at: datetime | None = None
    age: float = 0.0


class Backlogs(Protocol):
    """The queues of one server."""

    @property
    def about(self) -> str:
        """What they are, in words."""

    async def read(self) -> Sequence[Backlog]:
        """Return what waits in each queue; raises ServiceUnavailable."""
