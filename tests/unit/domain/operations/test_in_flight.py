import asyncio

import pytest

from rtmanager.domain.operations.in_flight import InFlight, undisturbed
from tests.unit.domain.world import Hang


async def test_result_of_the_work_is_returned() -> None:
    """A caller that stays gets what the work returns."""

    async def work() -> int:
        return 7

    assert await InFlight().run(work(), name="seven") == 7


async def test_error_of_the_work_is_raised() -> None:
    """A caller that stays gets what the work raises."""

    async def work() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await InFlight().run(work(), name="nothing")


async def test_work_goes_on_when_its_caller_is_cancelled() -> None:
    """Cancelling the caller does not cancel the work; drain waits for its end."""
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
    """After the time limit what still runs is cancelled."""
    in_flight, hang = InFlight(), Hang()
    caller = asyncio.create_task(in_flight.run(hang(), name="hang"))
    await hang.reached.wait()

    assert await in_flight.drain(0) == 1

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await in_flight.drain(0) == 0


async def test_failure_nobody_listens_to_is_no_warning() -> None:
    """A task whose caller has gone and that fails ends quietly: its outcome is in the log."""
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


async def test_undisturbed_work_is_finished_however_often_its_caller_is_cancelled() -> None:
    """What must be written down is written down before anybody leaves."""
    hang, done = Hang(), []

    async def work() -> None:
        await hang()
        done.append("done")

    caller = asyncio.create_task(undisturbed(work()))
    await hang.reached.wait()
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    hang.release()
    await caller

    assert done == ["done"]
