"""Ending event loops, whatever a test has left in them."""

import asyncio
import asyncio.runners
from typing import Any

from rtmanager.tasks import cancel_and_wait


def end_surely() -> None:
    """Let the end of a loop cancel what is left again and again, until all has ended.

    asyncio cancels it once and then waits. A driver on Python 3.11 may swallow that (decision
    0035), and the run would wait for ever.
    """
    runners: Any = asyncio.runners
    runners._cancel_all_tasks = _cancel_all_tasks  # noqa: SLF001 - there is no public way


def _cancel_all_tasks(loop: asyncio.AbstractEventLoop) -> None:
    left: set[asyncio.Task[Any]] = asyncio.all_tasks(loop)
    if left:
        loop.run_until_complete(cancel_and_wait(left))
