"""One query for all who ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import Context
from typing import Generic, TypeVar

from rtmanager.adapters.postgres.pool import CHECKOUT_SECONDS
from rtmanager.adapters.postgres.pool_part import TOO_MANY
from rtmanager.domain.errors import ServiceUnavailable

K = TypeVar("K")
V = TypeVar("V")

_Batch = dict[K, list[asyncio.Future[V | None]]]


class SharedReads(Generic[K, V]):
    """Reads values by their keys; those who ask while queries run share the next one.

    No call is answered by a query that began before it: each sees what was committed until then.
    `query` returns the values of different keys; at most `at_once` of them run at the same time.
    """

    def __init__(
        self, query: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, at_once: int = 2
    ) -> None:
        self._query = query
        self._free = at_once
        self._waiting: _Batch[K, V] = {}
        self._limit: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """Return the key's value, None when it has none; raise what the query does.

        Raises ServiceUnavailable when no query has begun within two seconds.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._await_a_query(loop)
        answer: asyncio.Future[V | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(answer)
        return await answer

    def _await_a_query(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a query as soon as the loop is free, or let one that runs begin the next."""
        if not self._free:
            self._limit = loop.call_later(CHECKOUT_SECONDS, self._give_up)
            return
        self._free -= 1
        # It runs for all callers: what the first one's context says is not true of it.
        task = loop.create_task(self._run(), name="shared read", context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._answer(self._take())
        finally:
            self._free += 1

    def _take(self) -> _Batch[K, V]:
        if self._limit:
            self._limit.cancel()
            self._limit = None
        batch, self._waiting = self._waiting, {}
        return batch

    async def _answer(self, batch: _Batch[K, V]) -> None:
        keys = list(dict(_unanswered(batch)))
        if not keys:
            return
        try:
            found = await self._query(keys)
        except BaseException as error:
            for _, answer in _unanswered(batch):
                answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for key, answer in _unanswered(batch):
                answer.set_result(found.get(key))

    def _give_up(self) -> None:
        for _, answer in _unanswered(self._take()):
            answer.set_exception(ServiceUnavailable(TOO_MANY))


def _unanswered(batch: _Batch[K, V]) -> Iterator[tuple[K, asyncio.Future[V | None]]]:
    """Return those who still wait: a caller that was cancelled does not."""
    return (
        (key, answer) for key, answers in batch.items() for answer in answers if not answer.done()
    )
