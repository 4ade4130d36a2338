from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import (
    Fence,
    Operation,
    OperationKind,
    OpSource,
    Origin,
    Outcome,
    StopReason,
)
from rtmanager.domain.ports.operation_history import OperationFilter
from tests.builders import GAME, LEASE, NOON, make_record, make_request, make_step
from tests.contract.ports.journals import begin, finish
from tests.contract.ports.stores import Store, open_store
from tests.support.applicants import begin_one, proceed

EVERYTHING = OperationFilter()
OTHER = GameId("go-3")
SECOND = timedelta(seconds=1)


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the store under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    """Return the store under test."""
    async with open_store(dsn) as opened:
        yield opened


@pytest.fixture
async def log(store: Store) -> list[Operation]:
    """Return four operations: a start, a failed patch, a stop by a job, an open start."""
    await _do(store, 0, kind=OperationKind.START)
    await _do(store, 1, Outcome.FAILURE, kind=OperationKind.PATCH)
    by_job = Origin(OpSource.LOBBY_STREAM, "1-0")
    stop: dict[str, Any] = {
        "kind": OperationKind.STOP,
        "origin": by_job,
        "reason": StopReason.FINISHED,
    }
    await _do(store, 2, image_ref=None, **stop)
    await _do(store, 3, None, kind=OperationKind.START, game_id=OTHER)
    found = await store.history.find(EVERYTHING, limit=10)
    return list(reversed(found))


async def _do(
    store: Store, at: int, outcome: Outcome | None = Outcome.SUCCESS, **request: Any
) -> None:
    """Begin an operation so many seconds after noon, and finish it with this outcome."""
    begun = await begin_one(
        store.journal, make_request(**request), proceed, lease=LEASE, at=NOON + at * SECOND
    )
    if outcome is not None:
        await finish(store, begun.operation, outcome=outcome)


async def test_get_returns_what_the_journal_wrote(store: Store) -> None:
    """An operation is read as it is, also while it runs."""
    operation = (await begin(store)).acting(make_step().action, at=NOON)
    await store.journal.save(operation, lease=LEASE)

    assert await store.history.get(operation.id) == operation


@pytest.mark.parametrize("unknown", [999_999, 2**63 - 1, 2**63, 10**18, 10**19 - 1])
async def test_get_of_an_unknown_operation_is_none(store: Store, unknown: int) -> None:
    """An id that is not in the log is none, however high."""
    assert await store.history.get(Fence(unknown)) is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (EVERYTHING, [3, 2, 1, 0]),
        (OperationFilter(game_id=GAME), [2, 1, 0]),
        (OperationFilter(game_id="never"), []),
        (OperationFilter(game_id="a\0b \ud83d" + "x" * 5_000), []),
        (OperationFilter(kind=OperationKind.START), [3, 0]),
        (OperationFilter(outcome=Outcome.SUCCESS), [2, 0]),
        (OperationFilter(outcome=Outcome.FAILURE), [1]),
        (OperationFilter(is_open=True), [3]),
        (OperationFilter(source=OpSource.LOBBY_STREAM), [2]),
        (OperationFilter(source_ref="1-0"), [2]),
        (OperationFilter(source_ref="\ud83d\0"), []),
        (OperationFilter(since=NOON + SECOND), [3, 2, 1]),
        (OperationFilter(until=NOON + SECOND), [0]),
        (OperationFilter(since=NOON + SECOND, until=NOON + 3 * SECOND), [2, 1]),
        (OperationFilter(since=datetime.max.replace(tzinfo=UTC)), []),
        (OperationFilter(until=datetime.min.replace(tzinfo=UTC)), []),
        (OperationFilter(kind=OperationKind.START, is_open=True, game_id=OTHER), [3]),
        (OperationFilter(kind=OperationKind.START, outcome=Outcome.FAILURE), []),
    ],
)
async def test_find_returns_what_matches_newest_first(
    store: Store, log: list[Operation], wanted: OperationFilter, expected: list[int]
) -> None:
    """All conditions that are set must hold."""
    found = await store.history.find(wanted, limit=10)

    assert found == [log[index] for index in expected]


async def test_find_continues_below_an_id(store: Store, log: list[Operation]) -> None:
    """A page ends at the limit; the next one begins below its last id."""
    first = await store.history.find(EVERYTHING, limit=2)

    second = await store.history.find(EVERYTHING, limit=2, before=first[-1].id)

    assert [*first, *second] == list(reversed(log))


async def test_finished_leaves_out_what_is_open_or_unknown(
    store: Store, log: list[Operation]
) -> None:
    """Of the operations that are asked about, those that have ended are returned."""
    asked = {log[0].id, log[1].id, log[3].id, Fence(999_999)}

    found = await store.history.finished(asked)

    assert sorted(found, key=lambda each: each.id) == [log[0], log[1]]
    assert await store.history.finished([]) == []


async def test_latest_is_the_last_operation_of_each_game_with_a_record(store: Store) -> None:
    """Open or finished, without its steps; a game that was never started has none."""
    first = await begin(store)
    await finish(store, first, record=make_record(fence=first.id))
    last = await begin(store, kind=OperationKind.RESTART)
    await store.journal.save(last.acting(make_step().action, at=NOON), lease=LEASE)
    await begin(store, game_id=OTHER)

    assert await store.history.latest() == {GAME: last}


async def test_reading_without_the_store_is_unavailable(store: Store) -> None:
    """Each way to read reports that the store is away."""
    operation = await begin(store)
    store.go_away()

    for read in (
        store.history.get(operation.id),
        store.history.find(EVERYTHING, limit=1),
        store.history.finished([operation.id]),
        store.history.latest(),
    ):
        with pytest.raises(ServiceUnavailable):
            await read
