import asyncio
from contextlib import suppress

import pytest

from rtmanager import tasks as cancelling
from rtmanager.tasks import cancel_and_wait


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "AGAIN", 0.0)


async def _deaf(times: int) -> None:
    """Overhear so many cancellations, as a driver may."""
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def _started(*works: asyncio.Task[None]) -> list[asyncio.Task[None]]:
    await asyncio.sleep(0)
    return list(works)


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_task_that_overhears_a_cancellation_is_told_again(times: int) -> None:
    """However often a driver swallows it, the task ends."""
    tasks = await _started(asyncio.create_task(_deaf(times)))

    await cancel_and_wait(tasks)

    assert [task.cancelled() for task in tasks] == [True]


async def test_task_that_has_ended_is_left_as_it_is() -> None:
    """A result or an error stays what it was, and nobody has to look at it again."""

    async def fail() -> None:
        raise ValueError("a defect")

    tasks = await _started(asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(0)))
    await asyncio.sleep(0)

    await cancel_and_wait(tasks)

    assert str(tasks[0].exception()) == "a defect"


async def test_whoever_ends_tasks_is_cancelled_only_when_they_have_ended() -> None:
    """A cancellation that comes meanwhile is kept for afterwards, not lost and not obeyed early."""
    stubborn = asyncio.create_task(_deaf(5))
    ender = asyncio.create_task(cancel_and_wait(await _started(stubborn)))
    await asyncio.sleep(0)
    ender.cancel()

    with pytest.raises(asyncio.CancelledError):
        await ender
    assert stubborn.done()
