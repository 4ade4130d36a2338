"""Time, so that tests and the simulation own it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells time and waits."""

    def now(self) -> datetime:
        """Return the present moment in UTC, with microseconds."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; zero lets other tasks run once."""
