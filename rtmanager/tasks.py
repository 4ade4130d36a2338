"""Cancelling tasks so that they end, whatever the drivers below them make of it.

Drivers lose cancellations: on Python 3.11 `asyncio.wait_for`, through which they send, swallows one
that arrives just as it is done, and a statement that is cancelled on the server may come back as
that error instead. A loop that survives every fault would then go on for ever.
Decision 0035 says what else was tried.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

AGAIN = 0.5
"""Seconds after which a task that has not ended is cancelled once more."""


def raise_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled and has not ended."""
    if _is_cancelled():
        raise asyncio.CancelledError


@contextmanager
def cancellation_first() -> Iterator[None]:
    """Raise CancelledError at the end of the block if the task was cancelled meanwhile.

    An error that the cancellation has led to is its cause; other errors pass as they are.
    """
    try:
        yield
    except Exception as error:
        if _is_cancelled():
            raise asyncio.CancelledError from error
        raise
    raise_if_cancelled()


async def cancel_and_wait(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks, again and again, until all have ended; only then be cancelled oneself."""
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
        task.cancelled() or task.exception()  # retrieved, or asyncio would complain of it
    if cancelled:
        raise cancelled


def _is_cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without a loop, as migrations run in
        return False
    return task is not None and task.cancelling() > 0
