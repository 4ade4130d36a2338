"""Threads for blocking calls, which never keep the process from exiting."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Condition, Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_IDLE_SECONDS = 10.0
"""Seconds that a thread waits for more work, since creating one costs more than most calls."""


class NoFreeThread(TimeoutError):
    """no thread was free in time."""


class Threads:
    """Runs work in at most `size` daemon threads; the rest is queued, first come, first served.

    The standard library's executor joins its threads when the interpreter exits, so that one hung
    call keeps a process alive for ever; these threads are abandoned.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._threads = 0
        self._idle = 0
        self._waiting: deque[_Job] = deque()
        self._is_closed = False
        self._changed = Condition()

    async def run(self, work: Callable[[], T], *, limit: float | None = None) -> T:
        """Run the work in a thread and return its result.

        When the caller is cancelled, as by `asyncio.timeout`, work that has begun continues; other
        work never begins. Raises NoFreeThread when it has not begun within `limit` seconds,
        RuntimeError after `close`.
        """
        job = _Work(work)
        result = asyncio.wrap_future(job.done)
        try:
            self._submit(job)
            if limit is not None:
                await asyncio.wait([result], timeout=limit)
                if job.done.cancel():  # only work that has not begun can be cancelled
                    raise NoFreeThread(f"no {self._name} thread was free for {limit:g} s")
            return await result
        finally:
            self._give_up(job)
            result.cancel()

    def close(self) -> None:
        """Start no more work: cancel what is queued, do not wait for what has begun."""
        with self._changed:
            self._is_closed = True
            for job in self._waiting:
                job.done.cancel()
            self._waiting.clear()
            self._changed.notify_all()

    def _submit(self, job: "_Job") -> None:
        with self._changed:
            if self._is_closed:
                raise RuntimeError(f"the {self._name} threads are closed")
            self._waiting.append(job)
            self._changed.notify()
            if self._idle >= len(self._waiting) or self._threads >= self._size:
                return
            self._threads += 1
        self._start_thread()

    def _start_thread(self) -> None:
        try:
            Thread(target=self._serve, name=self._name, daemon=True).start()
        except RuntimeError as error:
            with self._changed:
                self._threads -= 1
            raise NoFreeThread("the system has no thread left") from error

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            job.do()

    def _next(self) -> "_Job | None":
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._is_closed, _IDLE_SECONDS)
            self._idle -= 1
            if self._waiting:
                return self._waiting.popleft()
            self._threads -= 1
            return None

    def _give_up(self, job: "_Job") -> None:
        """Drop work that has not begun, so that the queue does not grow while all threads hang."""
        job.done.cancel()
        with self._changed, suppress(ValueError):  # it has begun
            self._waiting.remove(job)


class _Work(Generic[T]):
    """Work, and the future of its result."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.done: Future[T] = Future()
        self._work = work

    def do(self) -> None:
        """Run the work, unless its caller is gone."""
        if not self.done.set_running_or_notify_cancel():
            return
        try:
            self.done.set_result(self._work())
        except BaseException as error:  # noqa: BLE001 - raised to the caller
            self.done.set_exception(error)


_Job = _Work[Any]
