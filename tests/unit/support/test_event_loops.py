import asyncio
from contextlib import suppress


def test_task_that_swallowed_a_cancellation_does_not_hold_up_the_end_of_its_loop() -> None:
    """It is cancelled once more, as conftest.py has arranged."""
    ended: list[str] = []

    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("deaf")

    async def leave_it_behind() -> "asyncio.Task[None]":
        task = asyncio.create_task(deaf())
        await asyncio.sleep(0)
        return task

    with asyncio.Runner() as runner:
        task = runner.run(leave_it_behind())

    assert task.cancelled()
    assert ended == ["deaf"]
