"""Keeping a cancellation that a library has swallowed."""

import asyncio


def leave_if_cancelled() -> None:
    """Raise the cancellation of this task if one was asked for and has not arrived.

    On Python 3.11 `asyncio.wait_for`, through which drivers send, swallows a cancellation that
    arrives just as it is done. A loop that called it and went on would never be left.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
