"""Answers that pages share: a hundred open pages that hear of one event ask once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

_T = TypeVar("_T")

KEPT = 16
"""Answers that are kept; older ones belong to events that everybody has heard of by now."""

KEPT_FOR = 5.0
"""Seconds after which nobody gets an answer any more: its visitor's token may be revoked."""


@dataclass(frozen=True, slots=True)
class _Call(Generic[_T]):
    task: asyncio.Task[_T]
    begun_at: float


class Shared(Generic[_T]):
    """Runs a call once for all that ask for the same.

    A key names the moment as of which the answer has to be true, such as the id of an event: the
    call begins when somebody asks for it first, so it is at least as new.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._calls: OrderedDict[Hashable, _Call[_T]] = OrderedDict()
        self._now = now

    async def get(self, key: Hashable, call: Callable[[], Awaitable[_T]]) -> _T:
        """Return the answer of the first call for the key; a failure is not kept."""
        found = self._calls.get(key)
        if found is None or self._is_of_no_use(found):
            task = asyncio.ensure_future(_awaited(call))
            found = self._calls[key] = _Call(task, self._now())
            while len(self._calls) > KEPT:
                self._calls.popitem(last=False)
        return await asyncio.shield(found.task)

    def _is_of_no_use(self, call: _Call[_T]) -> bool:
        if not call.task.done():
            return False
        is_old = self._now() - call.begun_at >= KEPT_FOR
        return is_old or call.task.cancelled() or call.task.exception() is not None


async def _awaited(call: Callable[[], Awaitable[_T]]) -> _T:
    return await call()
