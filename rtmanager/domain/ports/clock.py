"""Time, as a port, so that tests and the simulation control it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Reads the time and waits."""

    def now(self) -> datetime:
        """Return the current time in UTC, with microseconds."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; zero yields to other tasks once."""
