"""Calls to the service: their answers, concurrent calls, and waiting for their effect."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

_POLL_SECONDS = 0.02

T = TypeVar("T")
R = TypeVar("R")


def ok(answer: httpx.Response) -> dict[str, Any]:
    """Return the record of a successful answer."""
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def error(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status_code, str(answer.json()["error"]["code"])


def message(answer: httpx.Response) -> str:
    """Return the message of a refusal."""
    return str(answer.json()["error"]["message"])


def wait_until(condition: Callable[[], object], *, seconds: float = 10) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not after {seconds:g} s"
        time.sleep(_POLL_SECONDS)


@contextmanager
def under_way(work: Callable[[], httpx.Response]) -> Iterator[Callable[[], httpx.Response | None]]:
    """Send a request during the block; yields a function that returns its answer, None if lost."""
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(work)

        def answer() -> httpx.Response | None:
            try:
                return sent.result(60)
            except httpx.TransportError:
                return None

        yield answer


def at_once(calls: Sequence[Callable[[], R]]) -> list[R]:
    """Make all calls at the same moment and return their results in order."""
    return side_by_side(lambda call: call(), calls, most=len(calls))


def side_by_side(work: Callable[[T], R], items: Sequence[T], *, most: int = 8) -> list[R]:
    """Make a call per item, a few at a time, and return the results in order."""
    with ThreadPoolExecutor(most) as pool:
        return list(pool.map(work, items))
