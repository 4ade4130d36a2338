"""Letting a worker run beside a block."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rtmanager.workers.supervisor import Worker


@asynccontextmanager
async def in_background(worker: Worker) -> AsyncIterator[None]:
    """Run the worker while the block runs; it has ended when the block is left."""
    task = asyncio.create_task(worker.run(), name=worker.status.name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
