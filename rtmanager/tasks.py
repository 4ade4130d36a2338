"""Cancelling tasks reliably, even if drivers below them lose the cancellation.

On Python 3.11 `asyncio.wait_for`, through which drivers send, swallows a cancellation that arrives
just as it finishes, and a statement cancelled on the server may raise the server's error instead. A
loop that survives every error would then run for ever. Decision 0035 lists what else was tried.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

AGAIN = 0.5
"""Seconds after which a task that has not ended is cancelled again."""


def raise_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled and has not ended."""
    if _is_cancelled():
        raise asyncio.CancelledError


@contextmanager
def cancellation_first() -> Iterator[None]:
    """Raise CancelledError at the end of the block if the task was cancelled during it.

    An error raised after the cancellation becomes its cause; other errors pass unchanged.
    """
    try:
        yield
    except Exception as error:
        if _is_cancelled():
            raise asyncio.CancelledError from error
        raise
    raise_if_cancelled()


async def cancel_and_wait(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks repeatedly until all have ended; only then raise our own cancellation."""
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
        task.cancelled() or task.exception()  # retrieved, or asyncio would warn
    if cancelled:
        raise cancelled


def _is_cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread, and so no task
        return False
    return task is not None and task.cancelling() > 0
