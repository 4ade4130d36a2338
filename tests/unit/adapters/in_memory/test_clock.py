import asyncio
from datetime import timedelta

from rtmanager.adapters.in_memory.clock import EPOCH, ManualClock


async def test_sleepers_wake_in_the_order_of_their_time() -> None:
    """Time jumps to the earliest moment at which someone wakes."""
    clock, woken = ManualClock(), []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    await asyncio.gather(sleep(5), sleep(1), sleep(0), sleep(3))

    assert woken == [(0, 0.0), (1, 1.0), (3, 3.0), (5, 5.0)]
    assert clock.now() == EPOCH + timedelta(seconds=5)


async def test_a_cancelled_sleeper_no_longer_holds_time_back() -> None:
    """Time does not stop at the wake-up of a cancelled sleeper."""
    clock = ManualClock()
    leaver = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    leaver.cancel()

    await clock.sleep(9)

    assert clock.monotonic() == 9.0
    assert leaver.cancelled()


async def test_without_auto_time_stands_until_advanced() -> None:
    """Without automatic time a sleeper waits until the test advances the clock."""
    clock = ManualClock(auto=False)
    sleeper = asyncio.create_task(clock.sleep(2))
    await asyncio.sleep(0)
    clock.advance(1.5)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not sleeper.done()

    clock.advance(0.5)
    await sleeper

    assert clock.monotonic() == 2.0
