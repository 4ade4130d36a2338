import asyncio
import logging

import pytest

from rtmanager.domain.concurrency import (
    SLICE,
    InFlight,
    Renewal,
    in_slices,
    run_concurrently,
    shielded,
)
from rtmanager.domain.errors import DockerUnavailable
from tests.unit.domain.world import Hang


async def test_results_come_in_the_order_of_the_items() -> None:
    """Results have the order of the items, whichever ends first."""

    async def work(item: int) -> int:
        for _ in range(5 - item):
            await asyncio.sleep(0)
        return item * item

    assert (await run_concurrently(range(5), work, limit=3)).done == [0, 1, 4, 9, 16]


async def test_no_more_than_the_limit_at_once() -> None:
    """A thousand games do not cause a thousand calls at once."""
    now = most = 0

    async def work(_: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    await run_concurrently(range(50), work, limit=4)

    assert most == 4


async def test_a_long_list_lets_others_run_in_between() -> None:
    """The results are in order, and nobody waits for more than a slice."""
    turns: list[int] = []
    made: list[int] = []

    async def other() -> None:
        while True:
            turns.append(len(made))
            await asyncio.sleep(0)

    def work(item: int) -> int:
        made.append(item)
        return item * item

    beside = asyncio.create_task(other())
    results = await in_slices(range(3 * SLICE), work)
    beside.cancel()

    assert results == [each * each for each in range(3 * SLICE)]
    assert turns[:3] == [SLICE, 2 * SLICE, 3 * SLICE]


async def test_failures_are_kept_and_logged_and_stop_no_other_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An expected error logs one line, a defect its trace, and the others continue."""

    async def work(item: str) -> str:
        if item == "away":
            raise DockerUnavailable("no answer")
        if item == "bad":
            raise ValueError("a defect")
        return item

    with caplog.at_level(logging.WARNING):
        results = await run_concurrently(["a", "away", "b", "bad"], work, limit=2)

    assert results.done == ["a", "b"]
    assert results.failed == ["away: no answer", "bad: a defect"]
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]
    assert {record.message for record in caplog.records} == {"item_failed"}
    assert [(vars(each)["item"], vars(each)["error"]) for each in caplog.records] == [
        ("away", "no answer"),
        ("bad", "a defect"),
    ]


async def test_exception_that_is_no_failure_ends_everything() -> None:
    """A kill or a cancellation does not count as a failure."""

    class Killed(BaseException):
        """The process ends."""

    async def work(_: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        await run_concurrently([1], work, limit=1)


async def test_result_of_the_work_is_returned() -> None:
    """A caller that stays gets the result."""

    async def work() -> int:
        return 7

    assert await InFlight().run(work(), name="seven") == 7


async def test_error_of_the_work_is_raised() -> None:
    """A caller that stays gets the error."""

    async def work() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await InFlight().run(work(), name="nothing")


async def test_work_continues_when_its_caller_is_cancelled() -> None:
    """Cancelling the caller does not cancel the work; the drain waits for its end."""
    in_flight, hang, done = InFlight(), Hang(), []

    async def work() -> None:
        await hang()
        done.append("done")

    caller = asyncio.create_task(in_flight.run(work(), name="work"))
    await hang.reached.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    hang.release()

    assert await in_flight.drain(10) == 0
    assert done == ["done"]


async def test_drain_with_nothing_in_flight_returns_at_once() -> None:
    """There is nothing to wait for."""
    assert await InFlight().drain(10) == 0


async def test_drain_cancels_what_is_late_and_counts_it() -> None:
    """Work that still runs after the limit is cancelled."""
    in_flight, hang = InFlight(), Hang()
    caller = asyncio.create_task(in_flight.run(hang(), name="hang"))
    await hang.reached.wait()

    assert await in_flight.drain(0) == 1

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await in_flight.drain(0) == 0


async def test_failure_without_a_caller_is_no_warning() -> None:
    """A failed task whose caller has gone causes no warning, because its outcome is logged."""
    in_flight, hang, heard = InFlight(), Hang(), []

    async def work() -> None:
        await hang()
        raise LookupError

    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    caller = asyncio.create_task(in_flight.run(work(), name="work"))
    await hang.reached.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    hang.release()
    await in_flight.drain(10)

    assert heard == []


async def test_shielded_work_is_finished_however_often_its_caller_is_cancelled() -> None:
    """Work that must not be interrupted is finished before the cancellation takes effect."""
    hang, done = Hang(), []

    async def work() -> None:
        await hang()
        done.append("done")

    caller = asyncio.create_task(shielded(work()))
    await hang.reached.wait()
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    hang.release()
    await caller

    assert done == ["done"]


async def test_a_renewal_that_began_earlier_is_not_shared() -> None:
    """Who asks during a run gets the next one, together with everyone who asks before it begins."""
    began, hang = 0, Hang()

    async def work() -> None:
        nonlocal began
        began += 1
        await hang()

    renewal = Renewal(work)
    first = renewal.begun_from_now()
    assert renewal.begun_from_now() is first
    await hang.reached.wait()
    second = renewal.begun_from_now()
    assert renewal.begun_from_now() is second is not first
    hang.release()
    await asyncio.gather(first, second)

    assert began == 2
    assert renewal.latest is None  # results may be large


async def test_a_renewal_that_fails_is_followed_by_another() -> None:
    """Who waits for the run sees its error; the next run does not."""
    results = [DockerUnavailable("no answer"), None]

    async def work() -> None:
        if error := results.pop(0):
            raise error

    renewal = Renewal(work)
    first = renewal.begun_from_now()
    with pytest.raises(DockerUnavailable):
        await first
    await renewal.begun_from_now()

    assert results == []


async def test_a_renewal_ends_when_it_is_closed() -> None:
    """Neither the run under way nor the one that waits for it is left to the event loop's end."""
    hang = Hang()
    renewal = Renewal(hang.__call__)
    runs = [renewal.begun_from_now()]
    await hang.reached.wait()
    runs.append(renewal.begun_from_now())

    await renewal.close()

    assert [each.cancelled() for each in runs] == [True, True]


async def test_a_renewal_that_nobody_asked_for_is_closed_too() -> None:
    """There is nothing to end."""
    await Renewal(Hang().__call__).close()


async def test_a_renewal_outlives_who_asked_for_it() -> None:
    """A caller that leaves cancels nobody else's run."""
    hang = Hang()
    renewal = Renewal(hang.__call__)

    async def wait() -> None:
        await asyncio.wait([renewal.begun_from_now()])

    caller = asyncio.create_task(wait())
    await hang.reached.wait()
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    hang.release()
    assert renewal.latest is not None
    await renewal.latest

    assert caller.cancelled()
