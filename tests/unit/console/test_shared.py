import asyncio

import pytest

from rtmanager.console.shared import KEPT, KEPT_FOR, Shared


async def test_those_that_ask_for_the_same_share_one_call() -> None:
    """A hundred pages that hear of one event cost one call, also while it runs."""
    calls = 0

    async def call() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return calls

    shared = Shared[int]()
    answers = await asyncio.gather(*(shared.get("event 1", call) for _ in range(100)))

    assert set(answers) == {1}
    assert await shared.get("event 2", call) == 2


async def test_failure_is_not_kept() -> None:
    """Whoever asks next tries again."""
    failures = [ValueError("no")]

    async def call() -> str:
        if failures:
            raise failures.pop()
        return "yes"

    shared = Shared[str]()
    with pytest.raises(ValueError, match="no"):
        await shared.get(1, call)

    assert await shared.get(1, call) == "yes"


async def test_visitor_who_leaves_ends_nobody_elses_call() -> None:
    """The call goes on for the others."""
    release = asyncio.Event()

    async def call() -> str:
        await release.wait()
        return "done"

    shared = Shared[str]()
    leaving, staying = (asyncio.create_task(shared.get(1, call)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    release.set()

    assert await staying == "done"


async def test_only_the_latest_answers_are_kept() -> None:
    """Events never end, the memory does."""
    calls: list[int] = []

    async def call() -> None:
        calls.append(1)

    shared = Shared[None]()
    for key in range(KEPT + 1):
        await shared.get(key, call)
    await shared.get(0, call)

    assert len(calls) == KEPT + 2


async def test_answer_is_not_kept_for_long() -> None:
    """A token that was revoked meanwhile reads nothing under an event of long ago."""
    times, answers = [0.0], ["old", "new"]

    async def call() -> str:
        return answers.pop(0)

    shared = Shared[str](lambda: times[0])
    found = [await shared.get(1, call)]
    for times[0] in (KEPT_FOR - 0.1, KEPT_FOR):
        found.append(await shared.get(1, call))

    assert found == ["old", "old", "new"]
