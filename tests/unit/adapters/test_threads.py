"""Threads that may hang without affecting other calls."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from rtmanager.adapters.threads import NoFreeThread, Threads

HANGS = """
import asyncio, time
from rtmanager.adapters.threads import Threads

async def main():
    try:
        async with asyncio.timeout(0.2):
            await Threads("hung", 1).run(lambda: time.sleep(60))
    except TimeoutError:
        print("given up")

asyncio.run(main())
"""


class Hang:
    """Work that blocks until the test releases it."""

    def __init__(self) -> None:
        self.begun, self.over = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.over.wait(10)
        return "done"

    async def has_begun(self) -> None:
        """Wait until the work has begun."""
        while not self.begun.is_set():  # noqa: ASYNC110 - another thread's event
            await asyncio.sleep(0)


@pytest.fixture
def hang() -> Iterator[Hang]:
    """Return work that blocks until the end of the test at the latest."""
    hang = Hang()
    yield hang
    hang.over.set()


async def test_the_result_of_the_work_is_returned() -> None:
    """The work runs in another thread, and its result is returned."""
    name = await Threads("reader", 1).run(lambda: threading.current_thread().name)

    assert name == "reader"


async def test_an_error_of_the_work_is_raised() -> None:
    """The work's error is raised unchanged."""
    with pytest.raises(ZeroDivisionError):
        await Threads("reader", 1).run(lambda: 1 // 0)


async def test_work_is_queued_behind_the_last_thread(hang: Hang) -> None:
    """There are never more threads than the limit."""
    threads = Threads("reader", 1)
    first = asyncio.create_task(threads.run(hang))
    await hang.has_begun()
    second = asyncio.create_task(threads.run(lambda: "second"))
    await asyncio.wait([second], timeout=0.05)
    assert not second.done()

    hang.over.set()

    assert (await first, await second) == ("done", "second")


async def test_a_caller_who_gives_up_leaves_the_thread_alone(hang: Hang) -> None:
    """The thread is free again only when its work ends."""
    threads = Threads("reader", 1)
    caller = asyncio.create_task(threads.run(hang))
    await hang.has_begun()
    caller.cancel()
    await asyncio.wait([caller])

    with pytest.raises(NoFreeThread):
        await threads.run(lambda: "next", limit=0.05)
    hang.over.set()
    assert await threads.run(lambda: "next", limit=5) == "next"


async def test_work_that_nobody_waits_for_never_begins(hang: Hang) -> None:
    """Work whose deadline passes in the queue is never begun."""
    threads = Threads("reader", 1)
    begun: list[str] = []
    first = asyncio.create_task(threads.run(hang))
    await hang.has_begun()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await threads.run(lambda: begun.append("late"))

    hang.over.set()
    await first
    await threads.run(lambda: begun.append("after"))

    assert begun == ["after"]


async def test_work_that_has_begun_outlasts_the_wait_for_a_thread(hang: Hang) -> None:
    """The time limit covers only the wait for a free thread."""
    work = asyncio.create_task(Threads("reader", 1).run(hang, limit=0.05))
    await hang.has_begun()
    await asyncio.wait([work], timeout=0.15)

    hang.over.set()

    assert await work == "done"


async def test_closed_threads_begin_nothing(hang: Hang) -> None:
    """Closing cancels queued work and lets running work end."""
    threads = Threads("reader", 1)
    first = asyncio.create_task(threads.run(hang))
    await hang.has_begun()
    second = asyncio.create_task(threads.run(lambda: "second"))
    await asyncio.sleep(0)

    threads.close()

    with pytest.raises(asyncio.CancelledError):
        await second
    with pytest.raises(RuntimeError, match="closed"):
        await threads.run(lambda: "third")
    hang.over.set()
    assert await first == "done"


async def test_no_thread_is_left_after_the_end() -> None:
    """Idle threads end once the pool is closed."""
    threads = Threads("test-idle-threads", 4)
    await asyncio.gather(*(threads.run(lambda: None) for _ in range(9)))

    threads.close()

    for thread in threading.enumerate():
        if thread.name == "test-idle-threads":
            thread.join(5)
            assert not thread.is_alive()


def test_a_hung_thread_does_not_keep_the_process_from_exiting() -> None:
    """The interpreter exits without waiting for a call that never ends."""
    begun = time.monotonic()

    ended = subprocess.run(
        [sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=30, check=False
    )

    assert (ended.stdout, ended.stderr, ended.returncode) == ("given up\n", "", 0)
    assert time.monotonic() - begun < 15
