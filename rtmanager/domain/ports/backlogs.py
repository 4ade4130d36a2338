"""What waits in the queues of one server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many entries wait in a queue or are being worked on, and since when the oldest does."""

    name: str
    waiting: int
    oldest_at: datetime | None = None


class Backlogs(Protocol):
    """The queues of one server."""

    @property
    def about(self) -> str:
        """What they are, in words."""

    async def read(self) -> Sequence[Backlog]:
        """Return what waits in each queue; raises ServiceUnavailable."""
