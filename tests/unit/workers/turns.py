"""Steps to let the loops run without waiting for real time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

MAX_TURNS = 20_000


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until the condition holds; fail if it never does."""
    for _ in range(MAX_TURNS):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def turns(count: int) -> None:
    """Let other tasks run for a while."""
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run a loop for the duration of the block, then cancel it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
