"""A clock that the test controls."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Virtual time, moved by `advance()`, or automatically whenever someone sleeps.

    With `auto` a sleep jumps to the earliest wake-up time, so sleepers wake in order and no test
    ever waits. Without it they wait until `advance()` is called.
    """

    def __init__(self, *, start: datetime = EPOCH, auto: bool = True) -> None:
        self._start = start
        self._elapsed = 0.0
        self._auto = auto
        self._sleepers: Counter[float] = Counter()
        self._advanced = asyncio.Event()

    def now(self) -> datetime:
        """Return the virtual moment."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the virtual seconds since the start."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Move time forward and wake the sleepers that are due."""
        self._advance_to(self._elapsed + seconds)

    def set(self, by: float) -> None:
        """Set the time of day forward or back by so many seconds, as an operator may."""
        self._start += timedelta(seconds=by)

    async def sleep(self, seconds: float) -> None:
        """Wait for virtual `seconds`."""
        deadline = self._elapsed + max(seconds, 0.0)
        self._sleepers[deadline] += 1
        try:
            await asyncio.sleep(0)
            while self._elapsed < deadline:
                await self._pass_time()
        finally:
            self._sleepers[deadline] -= 1

    async def _pass_time(self) -> None:
        if self._auto:
            self._advance_to(min(+self._sleepers))
            await asyncio.sleep(0)
        else:
            await self._advanced.wait()

    def _advance_to(self, moment: float) -> None:
        self._elapsed = max(self._elapsed, moment)
        # All sleepers are woken; those that are not due wait on a new event.
        self._advanced.set()
        self._advanced = asyncio.Event()
