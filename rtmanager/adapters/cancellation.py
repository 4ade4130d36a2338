"""A task that was cancelled ends, whatever a driver made of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cancellation_first() -> Iterator[None]:
    """Raise CancelledError at the end of the block if the task was asked to end meanwhile.

    Drivers lose cancellations: on Python 3.11 `asyncio.wait_for`, on which they are built,
    swallows one that arrives just as it is done, and a statement that is cancelled on the server
    may come back as that error instead. A worker that loops for ever would then do so.
    """
    try:
        yield
    except Exception as error:
        if _is_cancelled():
            raise asyncio.CancelledError from error
        raise
    if _is_cancelled():
        raise asyncio.CancelledError


def _is_cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without a loop, as migrations run in
        return False
    return task is not None and task.cancelling() > 0
