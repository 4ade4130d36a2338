import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.runtime import ListedRecord, RuntimeRecord, RuntimeStatus
from tests.builders import GAME, NOON, make_record
from tests.contract.ports.journals import begin, finish
from tests.contract.ports.stores import Store, open_store


@pytest.fixture(params=["memory", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the store under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "postgres" else None


@pytest.fixture
async def store(dsn: str | None) -> AsyncIterator[Store]:
    """Return the store under test."""
    async with open_store(dsn) as opened:
        yield opened


async def save(store: Store, **changes: object) -> RuntimeRecord:
    """Write a record as the outcome of an operation, the only way there is."""
    operation = await begin(store, game_id=changes.get("game_id", GAME))
    record = make_record(**changes, fence=operation.id)
    await finish(store, operation, record=record)
    return record


async def test_record_of_a_game_never_started_is_none(store: Store) -> None:
    """A game without a record is None, not an error."""
    assert await store.records.get(GAME) is None


@pytest.mark.parametrize("status", list(RuntimeStatus))
async def test_record_is_read_as_it_was_written(store: Store, status: RuntimeStatus) -> None:
    """A record is read back with every field, to the microsecond."""
    record = await save(store, status=status, stopped_at=NOON, removed_at=NOON)

    assert await store.records.get(GAME) == record


async def test_record_without_a_container_is_read_as_it_was_written(store: Store) -> None:
    """Absent fields are read back as absent."""
    nothing = dict.fromkeys(
        ("current_container_id", "current_image_ref", "image_id", "engine_endpoint", "started_at")
    )
    record = await save(store, status=RuntimeStatus.REMOVED, **nothing)

    assert await store.records.get(GAME) == record


async def test_list_is_empty_at_first(store: Store) -> None:
    """A new store has no records."""
    assert list(await store.records.list()) == []


async def test_list_is_ordered_by_code_point(store: Store) -> None:
    """Upper case sorts before lower case, whatever the locale."""
    for game_id in ("b", "a-1", "B", "a_1", "A", "a.1", "10", "9"):
        await save(store, game_id=GameId(game_id))

    listed = [record.game_id for record in await store.records.list()]

    assert listed == ["10", "9", "A", "B", "a-1", "a.1", "a_1", "b"]


async def test_list_holds_records_of_every_status(store: Store) -> None:
    """Removed games stay in the list."""
    records = [
        await save(store, game_id=GameId(status.value), status=status) for status in RuntimeStatus
    ]

    listed = await store.records.list()

    assert list(listed) == sorted(records, key=lambda record: record.game_id)


@pytest.mark.parametrize("number", range(6))
async def test_pages_are_the_list_in_parts(store: Store, number: int) -> None:
    """Every page but the last is full; none is empty, and a store without records has none."""
    for each in range(number):
        await save(store, game_id=GameId(f"g{each}"))

    async with store.records.pages(2) as pages:
        read = [page async for page in pages]

    records = map(ListedRecord.of, await store.records.list())
    assert [record for page in read for record in page] == list(records)
    assert [len(page) for page in read] == [2, 2, 2][: number // 2] + [1] * (number % 2)


async def test_pages_are_as_of_one_moment(store: Store) -> None:
    """What is written while they are read is in none of them."""
    before = [await save(store, game_id=GameId(f"g{each}")) for each in range(5)]

    read: list[ListedRecord] = []
    async with store.records.pages(2) as pages:
        async for page in pages:
            read += page
            await save(store, game_id=GameId("g9"))
            await save(store, game_id=GameId("g4"), status=RuntimeStatus.STOPPED)

    assert read == list(map(ListedRecord.of, before))


async def test_pages_need_not_be_read_to_the_end(store: Store) -> None:
    """Whoever leaves the block gives back what was held for it."""
    for each in range(5):
        await save(store, game_id=GameId(f"g{each}"))

    for _ in range(12):
        async with store.records.pages(2) as pages:
            await anext(aiter(pages))

    assert len(await store.records.list()) == 5


async def test_store_that_goes_away_amid_pages_raises_service_unavailable(store: Store) -> None:
    """What was not read cannot be, and is not taken for the end."""
    for each in range(5):
        await save(store, game_id=GameId(f"g{each}"))

    async def read() -> None:
        async with store.records.pages(2) as pages:
            async for _ in pages:
                store.go_away()

    with pytest.raises(ServiceUnavailable):
        await read()


@pytest.mark.parametrize(
    "game_id", ["\0", "a\0b", "\ud800", "../etc", "a/b", "\n", "🎲", "x" * 10_000, ""]
)
async def test_record_of_a_strange_id_is_none(store: Store, game_id: str) -> None:
    """An id that no game can have is not found, whatever its bytes."""
    await save(store)

    assert await store.records.get(GameId(game_id)) is None


async def test_ping_of_a_reachable_store_returns(store: Store) -> None:
    """Ping raises nothing when the store answers."""
    await store.records.ping()


@pytest.mark.parametrize("call", ["get", "list", "ping"])
async def test_unreachable_store_raises_service_unavailable(store: Store, call: str) -> None:
    """Every error of the driver becomes ServiceUnavailable."""
    store.go_away()

    with pytest.raises(ServiceUnavailable):
        await getattr(store.records, call)(*([GAME] if call == "get" else []))


async def test_store_that_came_back_answers_again(store: Store) -> None:
    """The store works again after an outage, without a restart of ours."""
    record = await save(store)
    store.go_away()
    with pytest.raises(ServiceUnavailable):
        await store.records.get(GAME)
    store.come_back()

    assert await _answer(store) == record


async def _answer(store: Store) -> RuntimeRecord | None:
    """Return the store's first answer; a pool may have to connect once more."""
    async with asyncio.timeout(10):
        while True:
            with suppress(ServiceUnavailable):
                return await store.records.get(GAME)
