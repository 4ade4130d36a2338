"""Answers that pages share: a hundred open pages that hear of one event ask once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_T = TypeVar("_T")

KEPT = 16
"""Answers that are kept; older ones belong to events that everybody has heard of by now."""


class Shared(Generic[_T]):
    """Runs a call once for all that ask for the same.

    A key names the moment as of which the answer has to be true, such as the id of an event: the
    call begins when somebody asks for it first, so it is at least as new.
    """

    def __init__(self) -> None:
        self._calls: OrderedDict[Hashable, asyncio.Task[_T]] = OrderedDict()

    async def get(self, key: Hashable, call: Callable[[], Awaitable[_T]]) -> _T:
        """Return the answer of the first call for the key; a failure is not kept."""
        task = self._calls.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._calls[key] = asyncio.ensure_future(_awaited(call))
            while len(self._calls) > KEPT:
                self._calls.popitem(last=False)
        return await asyncio.shield(task)


async def _awaited(call: Callable[[], Awaitable[_T]]) -> _T:
    return await call()
