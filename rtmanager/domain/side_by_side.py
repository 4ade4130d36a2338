"""Doing the same thing for many games at once, a few at a time, none stopping the others."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from rtmanager.domain.errors import RuntimeManagerError

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class Results(Generic[R]):
    """What came of each: the results in order, and a sentence per failure."""

    done: list[R] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


async def side_by_side(
    items: Iterable[T], work: Callable[[T], Awaitable[R]], *, at_once: int
) -> Results[R]:
    """Run `work` for every item, at most `at_once` at a time; a failure is logged and kept."""
    places = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with places:
            return await work(item)

    everything: Sequence[T] = list(items)
    ended = await asyncio.gather(*map(one, everything), return_exceptions=True)
    return _sorted_out(everything, ended)


def _sorted_out(items: Sequence[T], ended: Sequence[R | BaseException]) -> Results[R]:
    results: Results[R] = Results()
    for item, end in zip(items, ended, strict=True):
        if not isinstance(end, BaseException):
            results.done.append(end)
            continue
        if not isinstance(end, Exception):
            raise end
        results.failed.append(f"{item}: {end}")
        expected = isinstance(end, RuntimeManagerError)
        logger.warning("%s: %s", item, end, exc_info=None if expected else end)
    return results
