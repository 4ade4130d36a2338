"""Ending tasks, surely."""

import asyncio
from collections.abc import Iterable

AGAIN = 0.5
"""Seconds after which a task that has not ended is told once more."""


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks and wait until all have ended; only then be cancelled oneself.

    Telling once is not enough: on Python 3.11 `asyncio.wait_for`, through which drivers wait,
    swallows a cancellation that arrives just as it is done, and a loop would go on for ever.
    """
    everyone = left = set(tasks)
    cancelled: asyncio.CancelledError | None = None
    while left:
        for task in left:
            task.cancel()
        try:
            _, left = await asyncio.wait(left, timeout=AGAIN)
        except asyncio.CancelledError as error:
            cancelled = error
            left = {task for task in left if not task.done()}
    for task in everyone:
        task.cancelled() or task.exception()  # looked at, so that nobody misses it
    if cancelled:
        raise cancelled
