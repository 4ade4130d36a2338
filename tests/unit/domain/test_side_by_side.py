import asyncio
import logging

import pytest

from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.side_by_side import side_by_side


async def test_results_come_in_the_order_of_the_items() -> None:
    """Whatever ends first."""

    async def work(item: int) -> int:
        for _ in range(5 - item):
            await asyncio.sleep(0)
        return item * item

    assert (await side_by_side(range(5), work, at_once=3)).done == [0, 1, 4, 9, 16]


async def test_no_more_than_the_limit_at_once() -> None:
    """A thousand games do not become a thousand calls."""
    now = most = 0

    async def work(_: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    await side_by_side(range(50), work, at_once=4)

    assert most == 4


async def test_failures_are_kept_and_logged_and_stop_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What we expect is one line; a defect comes with its trace."""

    async def work(item: str) -> str:
        if item == "away":
            raise DockerUnavailable("no answer")
        if item == "bad":
            raise ValueError("a defect")
        return item

    with caplog.at_level(logging.WARNING):
        results = await side_by_side(["a", "away", "b", "bad"], work, at_once=2)

    assert results.done == ["a", "b"]
    assert results.failed == ["away: no answer", "bad: a defect"]
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]


async def test_what_is_no_fault_of_the_work_ends_everything() -> None:
    """A kill or a cancellation is not counted among the failures."""

    class Killed(BaseException):
        """The process ends."""

    async def work(_: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        await side_by_side([1], work, at_once=1)
