"""What workers share that sleep until they are woken."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from rtmanager.domain.ports.clock import Clock
from rtmanager.tasks import cancel_and_wait


async def run_together(loops: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Run loops, by their names, until cancelled; when one of them ends, the others do too.

    Raises what it ended with.
    """
    tasks = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(tasks)
    for task in ended:
        task.result()


async def nap(clock: Clock, seconds: float, woken: asyncio.Event) -> None:
    """Sleep for so long, or until woken."""
    sleeping = asyncio.create_task(clock.sleep(seconds), name="nap")
    waking = asyncio.create_task(woken.wait(), name="waking")
    try:
        await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        waking.cancel()
