from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from rtmanager.domain.completion import refused
from rtmanager.domain.errors import Conflict
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, LeaseNumber, Operation, OperationKind
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.job_stream import JobKind
from rtmanager.domain.ports.operation_journal import Admission, LogRetention, PrunedPage
from rtmanager.domain.runtime import RuntimeStatus
from tests.builders import GAME, LEASE, NOON, make_job, make_record, make_request
from tests.contract.ports.journals import EARLIER, begin, finish
from tests.contract.ports.stores import Store, open_store
from tests.support.applicants import begin_one

LATER = NOON + timedelta(days=400)
"""All that finished at noon is old."""
BEGINNING = Fence(0)
EMPTY = {JobKind.START: None, JobKind.STOP: None}


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the store under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    """Return the store under test."""
    async with open_store(dsn) as opened:
        yield opened


async def refuse(store: Store, *, days: int = 0, lease: LeaseNumber = LEASE, **facts: Any) -> Fence:
    """Add the refusal of a request to the log, some days after noon."""
    at = NOON + timedelta(days=days)
    completion = refused(Conflict("busy"), at=at)
    begun = await begin_one(
        store.journal,
        make_request(**facts),
        lambda _: Admission(completion=completion),
        lease=lease,
        at=at,
    )
    return begun.operation.id


async def refuse_job(store: Store, entry_id: str, **facts: Any) -> Fence:
    """Add the refusal of a job to the log."""
    job = make_job(entry_id, **facts)
    return await refuse(store, origin=job.origin, kind=job.kind)


async def run(store: Store, **record: Any) -> Operation:
    """Add an operation that ended with a record."""
    operation = await begin(store)
    await finish(store, operation, record=make_record(fence=operation.id, **record))
    return operation


async def prune(
    store: Store, *, after: Fence = BEGINNING, limit: int = 100, **changes: Any
) -> PrunedPage:
    """Prune a page of the log; everything that finished at noon is old."""
    facts: dict[str, Any] = {
        "finished_before": LATER,
        "kept_per_game": 2,
        "jobs_finished_before": LATER,
        "oldest_jobs": EMPTY,
    }
    retention = LogRetention(**(facts | changes))
    return await store.journal.prune(retention, after=after, limit=limit)


def ids(store: Store, game_id: GameId = GAME) -> list[Fence]:
    """Return the ids of the game's operations, oldest first."""
    return [each.id for each in reversed(store.operations(game_id))]


async def test_what_finished_before_is_deleted(store: Store) -> None:
    """The limit is exclusive: what finished at that very moment stays."""
    await refuse(store)
    kept = [await refuse(store, days=1), await refuse(store, days=2)]

    page = await prune(store, finished_before=NOON + timedelta(days=1))

    assert page == PrunedPage(1, None)
    assert ids(store) == kept


async def test_log_is_pruned_page_by_page(store: Store) -> None:
    """Each page names its last id; the last one is that which reaches what is too young."""
    made = [await refuse(store) for _ in range(5)]
    kept = [await refuse(store, days=9) for _ in range(5)]
    before = NOON + timedelta(days=1)

    first = await prune(store, limit=3, finished_before=before)
    second = await prune(store, limit=3, finished_before=before, after=made[2])

    assert first == PrunedPage(3, made[2])
    assert second == PrunedPage(2, None)
    assert ids(store) == kept


async def test_page_that_ends_with_the_log_is_the_last(store: Store) -> None:
    """A full page has a successor, which may be empty."""
    made = [await refuse(store) for _ in range(2)]

    assert await prune(store, limit=2) == PrunedPage(2, made[1])
    assert await prune(store, limit=2, after=made[1]) == PrunedPage(0, None)


async def test_open_operation_is_never_deleted(store: Store) -> None:
    """It is an intent: somebody will resume it."""
    operation = await begin(store)

    assert await prune(store) == PrunedPage(0, None)
    assert await store.journal.open_operation(GAME) == operation


@pytest.mark.parametrize("status", [RuntimeStatus.RUNNING, RuntimeStatus.STOPPED])
async def test_last_operations_of_a_live_game_stay(store: Store, status: RuntimeStatus) -> None:
    """However old they are."""
    await run(store, status=status)
    last = [await refuse(store) for _ in range(2)]

    assert (await prune(store)).deleted == 1
    assert ids(store) == last


async def test_operations_of_a_removed_game_are_deleted(store: Store) -> None:
    """Its record stays."""
    operation = await run(store, status=RuntimeStatus.REMOVED, current_container_id=None)

    assert (await prune(store)).deleted == 1
    assert store.operation(operation.id) is None
    assert await store.records.get(GAME) is not None


@pytest.mark.parametrize(
    ("oldest", "stays"),
    [
        ("9-0", True),
        ("10-4", True),
        ("10-5", True),
        ("10-6", False),
        ("11-0", False),
        (None, False),
    ],
)
async def test_job_stays_while_its_entry_may_come_again(
    store: Store, oldest: str | None, *, stays: bool
) -> None:
    """Entry ids are compared as numbers; of an empty stream no entry is left."""
    await refuse_job(store, "10-5")

    page = await prune(store, oldest_jobs=EMPTY | {JobKind.START: oldest})

    assert page.deleted == (0 if stays else 1)


async def test_each_stream_has_entries_of_its_own(store: Store) -> None:
    """A start is gone although a stop with the same id is still there."""
    await refuse_job(store, "10-5")
    stop = await refuse_job(store, "10-5", kind=OperationKind.STOP)

    await prune(store, oldest_jobs={JobKind.START: "99-0", JobKind.STOP: "1-0"})

    assert ids(store) == [stop]


async def test_job_stays_longer_than_other_operations(store: Store) -> None:
    """Jobs have a limit of their own."""
    job = await refuse_job(store, "10-5")
    await refuse(store)

    assert (await prune(store, jobs_finished_before=NOON)).deleted == 1
    assert ids(store) == [job]


async def test_ids_are_not_used_again(store: Store) -> None:
    """Ids keep growing when the latest operations are deleted."""
    last = await refuse(store)
    await prune(store)

    assert await refuse(store) > last


async def test_lease_number_is_forgotten_with_the_last_operation(store: Store) -> None:
    """A game that never ran leaves nothing behind."""
    await refuse(store)
    await prune(store)

    await refuse(store, lease=EARLIER)


async def test_lease_number_is_kept_while_an_operation_is(store: Store) -> None:
    """One operation that stays is enough."""
    await refuse(store)
    await refuse(store, days=500)
    await prune(store)

    with pytest.raises(LeaseLost):
        await refuse(store, lease=EARLIER)


async def test_lease_number_of_a_game_with_a_record_is_kept(store: Store) -> None:
    """Even if no operation of it is left."""
    await run(store, status=RuntimeStatus.REMOVED, current_container_id=None)
    await prune(store)

    with pytest.raises(LeaseLost):
        await refuse(store, lease=EARLIER)
