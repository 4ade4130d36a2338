"""A clock that the test owns."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Virtual time: it moves by `advance()`, or by itself whenever someone sleeps.

    With `auto` a sleep jumps to the earliest moment that anyone sleeps for, so sleepers wake in the
    order of their time and no test ever waits. Without it they wait until `advance()` is called.
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
        """Move time forward and wake whoever has slept enough."""
        self._advance_to(self._elapsed + seconds)

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
        # Everyone who waits now is woken; whoever has not slept enough waits on a fresh event.
        self._advanced.set()
        self._advanced = asyncio.Event()
