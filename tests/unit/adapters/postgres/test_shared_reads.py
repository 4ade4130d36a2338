import asyncio
from collections.abc import Mapping
from contextvars import ContextVar

import pytest

from rtmanager.adapters.postgres import shared_reads
from rtmanager.adapters.postgres.shared_reads import SharedReads
from rtmanager.domain.errors import ServiceUnavailable

_CALLER = ContextVar("caller", default="nobody")


class Table:
    """Values that change, read by queries that end when the test lets them."""

    def __init__(self) -> None:
        self.values = {"a": 1, "b": 2}
        self.queries: list[list[str]] = []
        self.callers: list[str] = []
        self.running: list[asyncio.Future[None]] = []

    async def query(self, keys: list[str]) -> Mapping[str, int]:
        """Read the present values, and answer when the test lets it."""
        self.queries.append(keys)
        self.callers.append(_CALLER.get())
        found = {key: self.values[key] for key in keys if key in self.values}
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.running.append(end)
        await end
        return found

    async def answer(self, error: Exception | None = None) -> None:
        """Let the oldest query end, and its callers go on."""
        end = self.running.pop(0)
        if error:
            end.set_exception(error)
        else:
            end.set_result(None)
        await all_wait()


async def all_wait() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ask(reads: SharedReads[str, int], *keys: str) -> list[asyncio.Task[int | None]]:
    """Ask for each of the keys at the same time."""
    tasks = [asyncio.create_task(reads.get(key)) for key in keys]
    await all_wait()
    return tasks


@pytest.fixture
def table() -> Table:
    """Return the table that is read."""
    return Table()


@pytest.fixture
def reads(table: Table) -> SharedReads[str, int]:
    """Return reads of which one runs at a time."""
    return SharedReads(table.query, at_once=1)


async def test_those_who_ask_at_the_same_time_share_a_query(
    table: Table, reads: SharedReads[str, int]
) -> None:
    """Each gets its own value, None when there is none; a key that repeats is asked for once."""
    asked = await ask(reads, "a", "b", "a", "nothing")
    await table.answer()

    assert [each.result() for each in asked] == [1, 2, 1, None]
    assert table.queries == [["a", "b", "nothing"]]


async def test_those_who_ask_while_a_query_runs_share_the_next(
    table: Table, reads: SharedReads[str, int]
) -> None:
    """Nobody is answered by a query that began before: what it reads may be older."""
    early = await ask(reads, "a")
    table.values["a"] = 10
    late = await ask(reads, "a", "b")
    await table.answer()
    await table.answer()

    assert [each.result() for each in early + late] == [1, 10, 2]
    assert table.queries == [["a"], ["a", "b"]]


async def test_only_as_many_queries_run_at_once_as_allowed(table: Table) -> None:
    """A second one begins beside the first; who asks then waits for the one that ends first."""
    reads = SharedReads(table.query, at_once=2)
    for key in ("a", "b", "a", "b"):
        await ask(reads, key)

    assert table.queries == [["a"], ["b"]]

    await table.answer()

    assert table.queries == [["a"], ["b"], ["a", "b"]]


async def test_a_failed_query_fails_those_who_shared_it(
    table: Table, reads: SharedReads[str, int]
) -> None:
    """Those who wait for the next one are answered by that."""
    failed, later = await ask(reads, "a", "b"), await ask(reads, "a")
    await table.answer(ServiceUnavailable("gone"))
    await table.answer()

    assert [str(each.exception()) for each in failed] == ["gone", "gone"]
    assert [each.result() for each in later] == [1]


async def test_a_cancelled_caller_disturbs_nobody(
    table: Table, reads: SharedReads[str, int]
) -> None:
    """Whether its query runs or not: the others get their answers, of the same key too."""
    running = await ask(reads, "a", "a")
    waiting = await ask(reads, "b", "b")
    for cancelled in (running[0], waiting[0]):
        cancelled.cancel()
    await table.answer()
    await table.answer()

    assert [running[1].result(), waiting[1].result()] == [1, 2]
    assert running[0].cancelled()
    assert waiting[0].cancelled()


async def test_nothing_is_read_for_callers_that_are_all_cancelled(
    table: Table, reads: SharedReads[str, int]
) -> None:
    """Their query is left out, and the next caller gets one."""
    await ask(reads, "a")
    for each in await ask(reads, "b", "b"):
        each.cancel()
    await table.answer()
    (later,) = await ask(reads, "a")
    await table.answer()

    assert table.queries == [["a"], ["a"]]
    assert later.result() == 1


async def test_who_waits_for_too_long_for_a_query_is_refused(
    table: Table, reads: SharedReads[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that runs goes on, and whoever asks afterwards is answered."""
    (running,) = await ask(reads, "a")
    with monkeypatch.context() as patch:
        patch.setattr(shared_reads, "CHECKOUT_SECONDS", 0.0)
        refused = await ask(reads, "a", "b")
    (later,) = await ask(reads, "b")
    await table.answer()
    await table.answer()

    assert [type(each.exception()) for each in refused] == [ServiceUnavailable] * 2
    assert "too many requests read from Postgres" in str(refused[0].exception())
    assert [running.result(), later.result()] == [1, 2]


async def test_a_query_has_the_context_of_no_caller(
    table: Table, reads: SharedReads[str, int]
) -> None:
    """It works for all of them: its log lines must not name the first one."""
    _CALLER.set("somebody")
    await ask(reads, "a")
    await table.answer()

    assert table.callers == ["nobody"]
