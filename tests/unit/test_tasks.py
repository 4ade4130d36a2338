import asyncio
from contextlib import suppress

import pytest

from rtmanager import tasks as cancelling
from rtmanager.tasks import cancel_and_wait


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "AGAIN", 0.0)


async def _deaf(times: int) -> None:
    """Swallow this many cancellations, as a driver may."""
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def _started(*works: asyncio.Task[None]) -> list[asyncio.Task[None]]:
    await asyncio.sleep(0)
    return list(works)


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_task_that_swallows_a_cancellation_is_cancelled_again(times: int) -> None:
    """The task ends, however often a driver swallows the cancellation."""
    tasks = await _started(asyncio.create_task(_deaf(times)))

    await cancel_and_wait(tasks)

    assert [task.cancelled() for task in tasks] == [True]


async def test_task_that_has_ended_is_left_as_it_is() -> None:
    """A finished task keeps its result or error, which counts as retrieved."""

    async def fail() -> None:
        raise ValueError("a defect")

    tasks = await _started(asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(0)))
    await asyncio.sleep(0)

    await cancel_and_wait(tasks)

    assert str(tasks[0].exception()) == "a defect"


async def test_caller_that_ends_tasks_is_cancelled_only_when_they_have_ended() -> None:
    """A cancellation that arrives meanwhile takes effect afterwards and is not lost."""
    stubborn = asyncio.create_task(_deaf(5))
    ender = asyncio.create_task(cancel_and_wait(await _started(stubborn)))
    await asyncio.sleep(0)
    ender.cancel()

    with pytest.raises(asyncio.CancelledError):
        await ender
    assert stubborn.done()
