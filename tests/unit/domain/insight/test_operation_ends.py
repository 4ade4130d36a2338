import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.operation_history import InMemoryOperationHistory
from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.domain.errors import NotFound, ServiceUnavailable
from rtmanager.domain.insight.operation_ends import MAX_WAITING, POLL, OperationEnds
from rtmanager.domain.insight.read_operations import ReadOperations
from rtmanager.domain.operation import Fence, Operation, Outcome
from tests.builders import NOON, make_request

FIRST, SECOND = Fence(1), Fence(2)


class Log:
    """An operation log with two open operations, and a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock(auto=False)
        self.store = InMemoryStore()
        for each in (FIRST, SECOND):
            self.store.operations[each] = Operation(
                id=each, request=make_request(), started_at=NOON
            )
        self.calls: list[str] = []
        self.is_away = False
        history = with_faults(InMemoryOperationHistory(self.store), "history", self._called)
        self.read = ReadOperations(history, OperationEnds(history, self.clock))

    async def _called(self, call: str) -> None:
        if not call.endswith(":done"):
            self.calls.append(call)
        if self.is_away:
            raise ServiceUnavailable

    def finish(self, operation_id: Fence) -> None:
        """Finish an operation."""
        open_one = self.store.operations[operation_id]
        self.store.operations[operation_id] = replace(
            open_one, outcome=Outcome.SUCCESS, finished_at=NOON
        )

    def waiting(
        self, operation_id: Fence = FIRST, *, unless: Awaitable[None] | None = None
    ) -> "asyncio.Task[Operation]":
        """Wait for an operation for a minute."""

        async def gone() -> None:
            await (unless or asyncio.Future())

        work = self.read.get_finished(operation_id, within=60, unless=gone)
        return asyncio.ensure_future(work)

    async def pass_time(self, seconds: float = POLL) -> None:
        """Let everyone come to rest, move the clock, and let them come to rest again."""
        await _rest()
        self.clock.advance(seconds)
        await _rest()


async def _rest() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.fixture
def log() -> Log:
    """Return a log with two open operations."""
    return Log()


async def test_a_finished_operation_is_returned_at_once(log: Log) -> None:
    """Nobody waits for what has ended."""
    log.finish(FIRST)

    assert (await log.waiting()).outcome is Outcome.SUCCESS


async def test_an_unknown_operation_is_not_waited_for(log: Log) -> None:
    """An operation that the log does not have is not found, however long the wait."""
    with pytest.raises(NotFound, match="no operation 17"):
        await log.waiting(Fence(17))


async def test_the_wait_ends_with_the_operation(log: Log) -> None:
    """A caller gets the outcome soon after it was written, and not before."""
    waiting = log.waiting()
    await log.pass_time()
    was_done = waiting.done()

    log.finish(FIRST)
    await log.pass_time()

    assert (was_done, waiting.done()) == (False, True)
    assert (await waiting).outcome is Outcome.SUCCESS


async def test_the_wait_ends_when_the_time_is_up(log: Log) -> None:
    """A caller then gets the operation as it is."""
    waiting = log.waiting()

    await log.pass_time(60)

    assert waiting.done()
    assert (await waiting).outcome is None


async def test_the_wait_ends_with_its_caller(log: Log) -> None:
    """Nothing is read for a caller who has gone."""
    hung_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = log.waiting(unless=hung_up)
    await _rest()

    hung_up.set_result(None)
    await log.pass_time()
    log.calls.clear()
    await log.pass_time()

    assert waiting.done()
    assert log.calls == []


async def test_the_wait_ends_when_the_service_stops(log: Log) -> None:
    """Those who wait are answered at once with what is there, and so is who comes later."""
    waiting = log.waiting()
    await _rest()

    log.read.release()
    await _rest()
    late = log.waiting()
    await _rest()

    assert waiting.done()
    assert late.done()
    assert (await late).outcome is None


async def test_all_who_wait_share_one_query(log: Log) -> None:
    """However many wait for however many operations, the log is read once per interval."""
    waiting = [log.waiting(each) for each in (FIRST, SECOND) for _ in range(100)]
    await _rest()
    log.calls.clear()

    for _ in range(4):
        await log.pass_time()
    log.finish(FIRST)
    await log.pass_time()

    assert log.calls == ["history.finished"] * 5
    assert [each.done() for each in waiting] == [True] * 100 + [False] * 100
    log.read.release()
    await asyncio.gather(*waiting)


async def test_only_so_many_wait_at_once(log: Log) -> None:
    """The next one is refused at once; what has finished needs no wait."""
    waiting = [log.waiting(FIRST) for _ in range(MAX_WAITING)]
    await _rest()

    with pytest.raises(ServiceUnavailable, match="250 requests wait for operations"):
        await log.waiting(SECOND)
    log.finish(SECOND)
    assert (await log.waiting(SECOND)).outcome is Outcome.SUCCESS

    log.finish(FIRST)
    await log.pass_time()
    assert all(each.done() for each in waiting)
    assert (await log.waiting(FIRST)).outcome is Outcome.SUCCESS


async def test_the_wait_goes_on_while_the_store_is_away(log: Log) -> None:
    """An outage of the database does not end it."""
    waiting = log.waiting()
    await _rest()
    log.is_away = True
    await log.pass_time()
    was_done, log.is_away = waiting.done(), False

    log.finish(FIRST)
    await log.pass_time()

    assert not was_done
    assert (await waiting).outcome is Outcome.SUCCESS


async def test_nothing_is_read_when_nobody_waits(log: Log) -> None:
    """The log is left alone after the last one has gone, and read again for the next."""
    log.finish(SECOND)
    waiting = log.waiting()
    await log.pass_time(60)
    await waiting
    log.calls.clear()
    await log.pass_time(10)
    idle = list(log.calls)

    again = log.waiting()
    log.finish(FIRST)
    await log.pass_time()

    assert idle == []
    assert (await again).outcome is Outcome.SUCCESS
